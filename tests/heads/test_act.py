"""ACT's dropout, and the context that DETR's layers need."""

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.core.errors import MismatchError
from praxia.heads.act import ACT
from praxia.nn.types import Context

WIDTH = 16


def make_head(**options):
    torch.manual_seed(0)
    config = ACT(width=WIDTH, mlp_width=32, num_heads=2, encoder_depth=1, **options)
    return config.build(make_shapes(), WIDTH)


def make_context(batch):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(len(batch.state), 3, WIDTH, generator=generator)
    positions = torch.randn(3, WIDTH, generator=generator)
    return Context(
        tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), {"readout": slice(0, 3)}, positions=positions
    )


@pytest.mark.parametrize("detr", [False, True])
def test_dropout_depends_on_the_steps_generator_alone_and_not_in_evaluation(detr):
    head, batch = make_head(detr=detr, dropout=0.3), make_batch()
    context = make_context(batch)

    def loss(seed, global_seed):
        torch.manual_seed(global_seed)
        found, _ = head.loss(context, batch, torch.Generator().manual_seed(seed))
        return found.item(), torch.rand(()).item()

    one, drawn_after = loss(1, 5)
    assert loss(1, 6)[0] == one
    assert loss(2, 5)[0] != one
    torch.manual_seed(5)
    assert torch.rand(()).item() == drawn_after  # the global stream is as if nothing had been drawn
    noise = torch.zeros(5, 0)
    evaluated = [head.eval().sample(context, noise, batch.embodiment) for _ in range(2)]
    assert torch.equal(*evaluated)
    without = make_head(detr=detr)
    without.load_state_dict(head.state_dict())
    torch.testing.assert_close(evaluated[0], without.sample(context, noise, batch.embodiment))


def test_without_dropout_it_draws_what_it_drew():
    """The latent's noise alone."""
    head, batch = make_head(), make_batch()
    generator, again = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    head.loss(make_context(batch), batch, generator)
    torch.randn(5, 32, generator=again)
    assert torch.equal(generator.get_state(), again.get_state())


def test_a_context_of_another_width_is_refused():
    with pytest.raises(MismatchError, match="of its width 16, got a context of width 12; choose encoder"):
        ACT(width=WIDTH, num_heads=2, detr=True).build(make_shapes(), 12)


def test_positions_of_the_context_matter():
    head, batch = make_head(detr=True).eval(), make_batch()
    context = make_context(batch)
    moved = Context(context.tokens, context.mask, context.groups, positions=context.positions.flip(0))
    one, two = (head.sample(each, torch.zeros(5, 0), batch.embodiment) for each in (context, moved))
    assert not torch.allclose(one, two)
