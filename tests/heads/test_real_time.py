"""What flow and diffusion heads do about a delay: a trained prefix, and guidance."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.core.config import config_to_json
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Sampling
from praxia.encoders.state_only import StateOnly
from praxia.heads.denoisers.denoiser import Denoiser
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.real_time import draw_prefix
from praxia.heads.regression import Regression
from praxia.nn.share import WHOLE, Share
from praxia.nn.types import Context, Inpaints, PreviousChunk
from praxia.policies.encoder_head import EncoderHead

HEADS = {"flow": Flow, "diffusion": Diffusion}
each_head = pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)
EMBODIMENTS = ((3, 2), (1, 1))  # the second embodiment has one action dim


def context_of(num, width=16):
    return Context(torch.zeros(num, 1, width), torch.ones(num, 1, dtype=torch.bool), {"readout": slice(0, 1)})


def previous_of(action, committed, valid=None):
    """A chunk before of which the first `committed` steps are committed and `valid` ones known, by row."""
    at = torch.arange(action.shape[1])
    committed = torch.tensor(committed)[:, None]
    known = committed if valid is None else torch.tensor(valid)[:, None]
    return PreviousChunk(torch.where((at < known)[..., None], action, 0.0), at < known, at < committed)


class Recording(Denoiser):
    """Predicts 0 and keeps what it was given."""

    requires = frozenset()

    def __init__(self):
        super().__init__()
        self.given = []

    def condition(self, context):
        return ()

    def forward(self, x, time, condition, embodiment):
        self.given.append((x, time))
        return torch.zeros_like(x)


def recorded(config, embodiments=((3, 2),)):
    head = config.build(make_shapes(embodiments=embodiments), 16)
    head.denoiser = Recording()
    return head


@each_head
def test_a_head_without_a_remedy_is_as_before(make):
    assert not {"trained_delay", "delay_decay", "guidance", "guidance_clip"} & set(config_to_json(make()))
    torch.manual_seed(0)
    head, batch = make(ResidualMLP(width=16, depth=1)).build(make_shapes(), 16), make_batch()
    assert isinstance(head, Inpaints)
    torch.nn.init.normal_(head.denoiser.out.weight)
    given = context_of(5), torch.randn(5, 4, 2), batch.embodiment
    assert torch.equal(head.inpaint(*given, previous_of(batch.action, [2] * 5)), head.sample(*given))


@each_head
def test_training_gives_the_first_actions_clean_and_counts_the_rest(make):
    config = make(ResidualMLP(), repeats=2, trained_delay=2, delay_decay=0.5)
    head, batch = recorded(config, EMBODIMENTS), make_batch(num=64)
    batch = dataclasses.replace(batch, embodiment=torch.arange(64) % 2)
    batch.action_valid[::3, 3:] = False
    loss, _ = head.loss(context_of(64), batch, torch.Generator().manual_seed(0))
    ((x, time),) = head.denoiser.given

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(128, 4, 2, generator=generator)
    drawn = torch.rand(128, generator=generator) if make is Flow else torch.randint(0, 100, (128,), generator=generator)
    # P(d) is proportional to exp(-d / 2), so the expected share of the remaining steps of four is:
    weights = torch.tensor([1.0, 0.60653066, 0.36787944])
    bounds = (weights.cumsum(0) / weights.sum())[:2]
    delay = (torch.rand(128, generator=generator)[:, None] >= bounds).sum(1)
    assert set(delay.tolist()) == {0, 1, 2}
    expected_share = 1 - (weights / weights.sum() * torch.arange(3)).sum() / 4

    total, count = 0.0, 0
    for row in range(128):
        of_batch, dims = row % 64, 2 - row % 2
        action = batch.action[of_batch, :, :dims]
        done = 1.0 if make is Flow else 0.0
        assert (time[row, : delay[row]] == done).all()
        assert torch.equal(x[row, : delay[row], :dims], action[: delay[row]])
        shared = (1 - (0.999 * drawn[row] ** (2 / 3) + 0.001)) if make is Flow else (drawn[row] + 1) / 100
        torch.testing.assert_close(time[row, delay[row] :], shared.expand(4 - int(delay[row])))
        target = action - noise[row, :, :dims] if make is Flow else noise[row, :, :dims]
        valid = int(batch.action_valid[of_batch].sum())
        total += target[int(delay[row]) : valid].square().sum()
        count += valid * dims
    torch.testing.assert_close(loss, total / count / expected_share)


def test_delays_are_drawn_as_the_config_says_and_whatever_the_division_of_the_batch():
    config = Flow(trained_delay=3, delay_decay=1.0)
    action = torch.zeros(60_000, 5, 1)
    prefix = draw_prefix(config, action, WHOLE, torch.Generator().manual_seed(0))
    delay = prefix.sum(1)
    assert torch.equal(prefix, torch.arange(5) < delay[:, None])
    expected = torch.softmax(-torch.arange(4.0), 0)
    torch.testing.assert_close(delay.bincount() / 60_000, expected, atol=0.006, rtol=0)
    parts = [draw_prefix(config, action[:20_000], Share(at, 3), torch.Generator().manual_seed(0)) for at in range(3)]
    assert torch.equal(torch.stack(parts, dim=1).flatten(0, 1), prefix)
    even = draw_prefix(Flow(trained_delay=3), action, WHOLE, torch.Generator().manual_seed(0)).sum(1).bincount()
    torch.testing.assert_close(even / 60_000, torch.full((4,), 0.25), atol=0.006, rtol=0)


@each_head
def test_the_loss_with_a_prefix_does_not_depend_on_how_a_batch_is_divided(make):
    torch.manual_seed(0)
    head = make(ResidualMLP(width=16, depth=1), trained_delay=3).build(make_shapes(), 16)
    torch.nn.init.normal_(head.denoiser.out.weight)
    batch = make_batch(num=12)
    batch.action_valid[:5, 2:] = False
    whole, _ = head.loss(context_of(12), batch, torch.Generator().manual_seed(0))
    parts, total = batch.parts(3), head.num_valid(batch)
    losses = []
    for part in parts:
        weight = head.num_valid(part) * 3 / total
        part = dataclasses.replace(part, share=dataclasses.replace(part.share, weight=weight))
        losses.append(head.loss(context_of(4), part, torch.Generator().manual_seed(0))[0])
    torch.testing.assert_close(torch.stack(losses).mean(), whole)


@each_head
def test_committed_actions_are_the_prefix_and_stay_as_they_are(make):
    head, action = recorded(make(ResidualMLP(), trained_delay=3)), make_batch().action.clamp(-1, 1)
    previous, noise = previous_of(action, [2, 0, 1, 3, 0]), torch.randn(5, 4, 2)
    embodiment = torch.zeros(5, dtype=torch.int64)
    found = head.inpaint(context_of(5), noise, embodiment, previous)
    assert torch.equal(found[previous.committed], action[previous.committed])
    done = 1.0 if make is Flow else 0.0
    for x, time in head.denoiser.given:
        assert torch.equal(x[previous.committed], action[previous.committed])
        assert (time[previous.committed] == done).all()
        assert len(time[~previous.committed].unique()) == 1
    # The network predicts 0 everywhere, so that the other steps are as without a prefix.
    alone = head.sample(context_of(5), noise, embodiment)
    torch.testing.assert_close(found[~previous.committed], alone[~previous.committed])


def trained(make, denoiser, **options):
    """A head that has learned chunks of one sign, +1 or -1 with equal chance, from an observation that shows none."""
    torch.manual_seed(0)
    head = make(denoiser, repeats=4, **options).build(make_shapes(), 16)
    sign = torch.where(torch.arange(32) % 2 == 0, 1.0, -1.0)[:, None, None]
    batch = dataclasses.replace(make_batch(num=32), action=sign.expand(32, 4, 2).contiguous())
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        loss, _ = head.loss(context_of(32), batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


NUM = 64


def share_continued(head, committed, valid=None):
    """How often the steps after what is committed have its sign, as they must: a chunk has one sign only."""
    sign = torch.where(torch.arange(NUM) % 2 == 0, 1.0, -1.0)[:, None, None].expand(NUM, 4, 2)
    previous = previous_of(sign, [committed] * NUM, None if valid is None else [valid] * NUM)
    noise = torch.randn(NUM, *head.noise_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = head.inpaint(context_of(NUM), noise, torch.zeros(NUM, dtype=torch.int64), previous)
    after = found[:, committed:].mean(dim=(1, 2))
    assert (after.abs() > 0.3).float().mean() > 0.8, "chunks are of one of the two modes"
    return (after.sign() == sign[:, 0, 0]).float().mean().item()


@pytest.mark.parametrize(
    "denoiser",
    [
        ResidualMLP(width=64, depth=2),
        pytest.param(Transformer(width=32, depth=2, num_heads=2), marks=pytest.mark.slow),
    ],
)
@each_head
def test_a_head_with_a_trained_prefix_goes_on_in_the_mode_it_is_committed_to(make, denoiser):
    head = trained(make, denoiser, trained_delay=2)
    for committed in (1, 2):
        assert share_continued(head, committed) > 0.95
    assert 0.25 < share_continued(head, 0) < 0.75


@each_head
def test_guidance_keeps_a_head_in_the_mode_of_the_chunk_before(make):
    head = trained(make, ResidualMLP(width=64, depth=2))
    assert 0.25 < share_continued(head, 1, 3) < 0.75  # the naive switch
    for guidance in ("vjp", "identity"):
        head.config = dataclasses.replace(head.config, guidance=guidance)
        assert share_continued(head, 1, 3) > 0.9
        assert 0.25 < share_continued(head, 0, 0) < 0.75


@each_head
def test_dims_that_an_embodiment_lacks_guide_nothing(make):
    torch.manual_seed(0)
    config = make(ResidualMLP(width=16, depth=1), guidance="vjp")
    head, batch = config.build(make_shapes(embodiments=EMBODIMENTS), 16), make_batch(num=6)
    torch.nn.init.normal_(head.denoiser.out.weight, std=0.1)
    embodiment, noise = torch.arange(6) % 2, torch.randn(6, 4, 2)
    other = noise.clone()
    other[1::2, :, 1] += 5.0
    previous = previous_of(batch.action, [1] * 6, [3] * 6)
    with torch.no_grad():
        one, two = (head.inpaint(context_of(6), value, embodiment, previous) for value in (noise, other))
    torch.testing.assert_close(one[1::2, :, 0], two[1::2, :, 0])


@each_head
def test_what_means_nothing_is_refused_in_one_line(make):
    with pytest.raises(PraxiaError, match="expected a trained delay of 0 control steps or more, got -1"):
        make(trained_delay=-1)
    with pytest.raises(PraxiaError, match="expected a delay decay of 0 or more, and finite, got -1"):
        make(trained_delay=2, delay_decay=-1.0)
    with pytest.raises(PraxiaError, match="expected a guidance clip of 0 or more, and finite, got inf"):
        make(guidance_clip=float("inf"))
    with pytest.raises(MismatchError, match="below the horizon of 4 actions, got 4"):
        make(ResidualMLP(), trained_delay=4).build(make_shapes(), 16)
    head = make(ResidualMLP(), trained_delay=1).build(make_shapes(), 16)
    previous = previous_of(make_batch().action, [0, 2, 0, 0, 0])
    with pytest.raises(MismatchError, match=r"of at most 1 control steps.* got 2: train with .*trained-delay 2, or"):
        head.inpaint(context_of(5), torch.randn(5, 4, 2), torch.zeros(5, dtype=torch.int64), previous)


@each_head
def test_a_policy_can_be_fine_tuned_to_have_a_prefix(make):
    plain, prefixed = (EncoderHead(StateOnly(), make(trained_delay=delay)) for delay in (0, 4))
    assert plain.unfitted() == prefixed.unfitted()
    assert EncoderHead(StateOnly(), make(repeats=7)).unfitted() != plain.unfitted()


def test_guidance_is_an_option_of_sampling():
    model = EncoderHead(StateOnly(), Flow())
    assert model.sampled(Sampling(guidance="identity")).head == Flow(guidance="identity")
    with pytest.raises(PraxiaError, match="expected a policy with --guidance, got head 'regression'"):
        EncoderHead(StateOnly(), Regression()).sampled(Sampling(guidance="vjp"))
