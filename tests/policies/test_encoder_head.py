from dataclasses import replace

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, SMALL_EMBODIMENT, make_config, make_config_of_two, make_policy, make_query

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import Sampling
from praxia.encoders.state_only import StateOnly
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.residual_mlp import ResidualMLPDenoiser
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.nn.queries import stack_queries
from praxia.policies.encoder_head import Encoded, EncoderHead
from praxia.transforms.normalise import Normaliser


def test_decisions_are_in_declared_units_and_of_the_windows_length():
    policy = make_policy()
    decisions, _ = policy.act([make_query("a", 0)], policy.start(1))
    assert decisions[0].chunk.shape == (policy.window.horizon, 2)
    assert decisions[0].chunk.dtype == np.float32
    # The head starts at zero velocity, so the chunk is its noise in units: [-1, 1] maps to [0, 10].
    noise = (decisions[0].chunk - 5) / 5
    assert 0.2 < noise.std() < 3


def test_a_decision_depends_on_its_query_alone():
    policy = make_policy()
    queries = [make_query(key, step) for key, step in [("a", 0), ("b", 4), ("a", 4), ("c", 8)]]
    together, _ = policy.act(queries, None)
    backwards, _ = policy.act(queries[::-1], None)
    alone = [policy.act([query], None)[0][0] for query in queries]
    for one, two, three in zip(together, backwards[::-1], alone, strict=True):
        np.testing.assert_allclose(one.chunk, three.chunk, atol=1e-5)
        np.testing.assert_allclose(two.chunk, three.chunk, atol=1e-5)
    assert not np.allclose(together[0].chunk, together[2].chunk)


@pytest.mark.parametrize("instruction", ["", "  ", "\u2028"])
def test_without_an_instruction_a_decision_is_finite_and_independent_of_the_batch(instruction):
    policy, query = make_policy(), make_query("a", 4)
    silent = replace(query, history=tuple(replace(one, instruction=instruction) for one in query.history))
    (alone,), _ = policy.act([silent], None)
    together, _ = policy.act([make_query("b", 4), silent, query], None)
    assert np.isfinite(alone.chunk).all()
    np.testing.assert_allclose(together[1].chunk, alone.chunk, atol=1e-5)


def test_acting_twice_gives_the_same_bits():
    policy, query = make_policy(), make_query("a", 4)
    first, second = (policy.act([query], None)[0][0].chunk for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_short_history_repeats_its_oldest_observation_marked_not_valid():
    policy = make_policy()
    samples = stack_queries([make_query("a", 0, history=1), make_query("b", 9, history=2)], policy.window, 0)
    assert samples.state.shape == (2, 2, 3)
    np.testing.assert_array_equal(samples.state_valid, [[False, True], [True, True]])
    np.testing.assert_array_equal(samples.state[0, 0], samples.state[0, 1])
    assert not np.array_equal(samples.state[1, 0], samples.state[1, 1])


@pytest.mark.parametrize("offsets", [{}, {"state": (-1, 0)}])
def test_an_embodiment_without_state_acts(offsets):
    config = make_config()
    stateless = replace(config.transforms.embodiments[0], state=Normaliser((), ()))
    config = replace(
        config,
        shapes=replace(config.shapes, embodiment_dims=((0, 2),), num_states=len(offsets.get("state", ()))),
        transforms=replace(config.transforms, embodiments=(stateless,)),
        embodiments=(replace(EMBODIMENT, state=()),),
        window=replace(config.window, observation_steps={"image.front": (-1, 0), **offsets}),
    )
    queries = [make_query("a", 0, history=1, state_dim=0), make_query("b", 9, state_dim=0)]
    samples = stack_queries(queries, config.window, 0)
    assert samples.state.shape == (2, config.shapes.num_states, 0)
    assert samples.state_valid.tolist() == ([[False, True], [True, True]] if offsets else [[], []])
    decisions, _ = make_policy(config).act(queries, None)
    assert [one.chunk.shape for one in decisions] == [(4, 2), (4, 2)]


@pytest.mark.parametrize("masked", [True, False])
def test_a_camera_missing_in_training_is_not_requested_and_only_old_policies_see_it_as_black(masked):
    config = replace(make_config_of_two(), masked=masked)
    blind = replace(SMALL_EMBODIMENT, cameras=())
    lacking, seeing = make_policy(replace(config, embodiments=(EMBODIMENT, blind))), make_policy(config)
    policy = lacking.bind(blind)
    assert (policy.window.cameras, policy.bind(EMBODIMENT).window) == ((), config.window)
    with torch.no_grad():
        for parameter in lacking.model.parameters():  # the head starts at zero
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    seeing.model.load_state_dict(lacking.model.state_dict())
    query = make_query("a", 4, state_dim=1)
    unseen = replace(query, history=tuple(replace(one, images={}) for one in query.history))
    black = {"front": np.zeros((16, 16, 3), np.uint8)}
    darkened = replace(query, history=tuple(replace(one, images=black) for one in query.history))
    queries = ((policy, unseen), (seeing.bind(SMALL_EMBODIMENT), darkened), (seeing.bind(SMALL_EMBODIMENT), query))
    without, with_black, with_image = (one.act([query], None)[0][0].chunk for one, query in queries)
    assert np.array_equal(without, with_black) != masked
    assert not np.array_equal(with_black, with_image)


def test_a_head_that_requires_what_the_encoder_does_not_provide_is_refused_in_one_line(monkeypatch):
    from praxia_testing import make_shapes

    monkeypatch.setattr(ResidualMLPDenoiser, "requires", frozenset({"prefix"}))
    with pytest.raises(MismatchError, match=r"head 'flow' needs \['prefix'\].*'state-only' gives \['readout'\]"):
        EncoderHead(encoder=StateOnly(), head=Flow()).build(make_shapes())


def test_inference_leaves_no_gradient():
    policy = make_policy()
    policy.act([make_query("a", 0)], None)
    assert all(parameter.grad is None for parameter in policy.model.parameters())
    assert not torch.is_inference_mode_enabled()


def test_bound_to_an_embodiment_decisions_have_its_dims_and_units():
    policy = make_policy(make_config_of_two())
    large, small = policy.bind(EMBODIMENT), policy.bind(SMALL_EMBODIMENT)
    assert (large.embodiment, small.embodiment) == (EMBODIMENT, SMALL_EMBODIMENT)
    for bound, dims, centre, half in ((large, 2, 5, 5), (small, 1, 150, 50)):
        (decision,), _ = bound.act([make_query("a", 0, state_dim=bound.embodiment.state_dim)], None)
        assert decision.chunk.shape == (4, dims)
        noise = (decision.chunk - centre) / half  # the head starts at zero velocity
        assert 0.2 < noise.std() < 3
        assert abs(noise).max() < 4


def test_another_embodiment_can_be_bound_to_the_weights_and_normalisers_of_a_trained_one():
    policy, other = make_policy(make_config_of_two()), replace(SMALL_EMBODIMENT, name="other")
    bound_other = policy.bind(other, "small")
    assert bound_other.embodiment == other
    query = make_query("a", 0, state_dim=1)
    one, two = (bound.act([query], None)[0][0].chunk for bound in (bound_other, policy.bind(SMALL_EMBODIMENT)))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(UnknownName, match=r"'smal'; nearest: small"):
        policy.bind(other, "smal")
    with pytest.raises(UnknownName, match="'other'"):
        policy.bind(other)


def test_a_policy_of_several_embodiments_acts_only_when_bound():
    policy = make_policy(make_config_of_two())
    with pytest.raises(MismatchError, match=r"'toy', 'small'.*bind it"):
        policy.act([make_query("a", 0)], None)
    with pytest.raises(MismatchError, match="bind it"):
        _ = policy.embodiment


def test_each_embodiment_has_its_weights():
    policy = make_policy(make_config_of_two())

    def chunks() -> list[np.ndarray]:
        embodiments = (EMBODIMENT, SMALL_EMBODIMENT)
        return [policy.bind(b).act([make_query("a", 0, state_dim=b.state_dim)], None)[0][0].chunk for b in embodiments]

    before = chunks()
    with torch.no_grad():
        policy.model.head.denoiser.out.bias[1] += 1.0  # the small embodiment's
    after = chunks()
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_allclose(after[1] - before[1], 50.0, rtol=1e-3)  # one unit of [-1, 1] in [100, 200]


@pytest.mark.parametrize(
    ("head", "own", "new"),
    [
        (Flow(num_steps=8), Sampling(steps=8), Sampling(steps=3)),
        (Diffusion(num_steps=16), Sampling(steps=16), Sampling(steps=4)),
        (Autoregressive(temperature=0.3), Sampling(temperature=0.3), Sampling(temperature=0.0)),
        (ParallelBins(), Sampling(temperature=0.0), Sampling(temperature=0.7)),
        (Regression(), Sampling(), None),
        (ACT(), Sampling(), None),
        (OFT(), Sampling(), None),
    ],
)
def test_each_head_has_its_sampling_options(head, own, new):
    model = EncoderHead(StateOnly(), head)
    assert model.sampling == own
    assert model.sampled(Sampling()) == model.sampled(own) == model
    assert model.resampled(own) == Sampling()
    if new is not None:
        assert model.sampled(new).sampling == new == model.resampled(new)
        assert model.sampled(new).encoder == model.encoder
    for name, value in (("steps", 2), ("temperature", 0.5)):
        if getattr(own, name) is None:
            with pytest.raises(PraxiaError, match=rf"with --{name}, got head .{head.tag}., which has"):
                model.sampled(Sampling(**{name: value}))


def test_diffusion_has_no_more_steps_than_in_training():
    model = EncoderHead(StateOnly(), Diffusion(train_steps=20, num_steps=10))
    assert model.sampled(Sampling(steps=20)).sampling == Sampling(steps=20)
    with pytest.raises(PraxiaError, match="expects 1 to 20 steps, as many as it is trained with, got 21"):
        model.sampled(Sampling(steps=21))


def test_act_is_encode_then_sample_and_encoded_rows_can_be_gathered_and_joined():
    policy = make_policy()
    with torch.no_grad():
        for parameter in policy.model.parameters():  # the head starts at zero
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    queries = [make_query(key, step) for key, step in [("a", 0), ("b", 4), ("c", 8)]]
    expected = [one.chunk for one in policy.act(queries, None)[0]]
    encoded = policy.encode(queries)
    np.testing.assert_array_equal([one.chunk for one in policy.sample(encoded, queries)], expected)
    # A batch of the same rows in the same order has the same bits, however it came about.
    apart = Encoded.join([encoded.rows([2]), encoded.rows([0, 1])]).rows([1, 2, 0])
    np.testing.assert_array_equal([one.chunk for one in policy.sample(apart, queries)], expected)
    # The same context with other noise is another sample.
    again = policy.sample(encoded, [replace(query, key="z") for query in queries])
    assert not np.allclose(again[0].chunk, expected[0])


def test_a_head_may_use_gradients_inside_sample(monkeypatch):
    policy = make_policy()
    head = policy.model.head
    plain = head.sample

    def guided(context, noise, embodiment):
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            noise = noise.clone().requires_grad_()
            (slope,) = torch.autograd.grad((plain(context, noise, embodiment) ** 2).sum(), noise)
        return plain(context, noise.detach() - 0.1 * slope, embodiment)

    expected = policy.act([make_query("a", 0)], None)[0][0].chunk
    monkeypatch.setattr(head, "sample", guided)
    found = policy.act([make_query("a", 0)], None)[0][0].chunk
    # Guided towards 0, the middle of the range [0, 10].
    assert np.abs(found - 5).mean() < np.abs(expected - 5).mean()


def planned_query(key, step, planned, delay):
    return replace(
        make_query(key, step), delay=delay, planned=None if planned is None else np.asarray(planned, np.float32)
    )


def test_a_head_that_inpaints_gets_what_is_planned_in_its_normalised_actions(monkeypatch):
    policy, given = make_policy(), []

    def inpaint(context, noise, embodiment, previous):
        given.append(previous)
        return torch.where(previous.valid[..., None], previous.action, noise)

    monkeypatch.setattr(policy.model.head, "inpaint", inpaint, raising=False)
    planned = [[0, 10], [5, 5], [10, 0]]
    queries = [
        planned_query("a", 3, planned, delay=2),
        planned_query("b", 0, None, delay=2),
        planned_query("c", 3, np.full((9, 2), 5), delay=0),
    ]
    decisions, _ = policy.act(queries, None)
    (previous,) = given
    assert previous.action[0].tolist() == [[-1, 1], [0, 0], [1, -1], [0, 0]]  # the units span [0, 10]
    assert previous.valid.tolist() == [[True, True, True, False], [False] * 4, [True] * 4]
    assert previous.committed.tolist() == [[True, True, False, False], [False] * 4, [False] * 4]
    np.testing.assert_allclose(decisions[0].chunk[:3], planned, atol=1e-5)
    # What is committed is planned, too, where nothing else is said.
    (alone,) = policy.act([replace(make_query("a", 3), delay=2, committed=np.float32(planned[:2]))], None)[0]
    assert [given[1].valid.tolist(), given[1].committed.tolist()] == [[[True, True, False, False]]] * 2
    np.testing.assert_allclose(alone.chunk[:2], planned[:2], atol=1e-5)
    given.pop()
    # Where nothing is planned there is nothing to fit to.
    policy.act([planned_query("b", 0, None, delay=2)], None)
    assert len(given) == 1


def test_a_head_that_does_not_inpaint_samples_as_without_a_delay():
    policy = make_policy()
    plain, delayed = make_query("a", 3), planned_query("a", 3, np.ones((4, 2)), delay=2)
    one, two = (policy.act([query], None)[0][0].chunk for query in (plain, delayed))
    np.testing.assert_array_equal(one, two)


def test_planned_actions_are_those_of_the_embodiment_that_acts(monkeypatch):
    policy, given = make_policy(make_config_of_two()).bind(SMALL_EMBODIMENT), []

    def inpaint(context, noise, embodiment, previous):
        given.append(previous)
        return noise

    monkeypatch.setattr(policy.model.head, "inpaint", inpaint, raising=False)
    small = replace(make_query("a", 4, state_dim=1), delay=1, planned=np.array([[150], [200]], np.float32))
    policy.act([small], None)
    assert given[0].action[0].tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]  # the units span [100, 200]


def test_streams_that_the_encoder_does_not_read_are_refused():
    shapes = replace(make_config_of_two().shapes, streams={"force": (3, 6)})
    with pytest.raises(
        MismatchError, match=r"reads the streams \['force'\] \(reads_streams\), got 'state-only', which wo"
    ):
        EncoderHead(StateOnly(), Regression(width=8, depth=1)).build(shapes)
