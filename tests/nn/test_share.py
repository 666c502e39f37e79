"""Random numbers of a batch's rows, whoever draws them."""

import pytest
import torch

from praxia.nn.layers import masked_mean
from praxia.nn.share import Share

DRAWS = {
    "normal": (0, lambda share, num, generator: share.normal([num, 3, 2], generator)),
    "uniform": (1, lambda share, num, generator: share.uniform([5, num], generator, axis=1)),
    "integers": (1, lambda share, num, generator: share.integers(-3, 4, [2, num, 1], generator, axis=1)),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_shares_draw_their_rows_of_the_batch(draw, count):
    axis, drawn = DRAWS[draw]
    generator = torch.Generator().manual_seed(1)
    whole = drawn(Share(), 12, generator)
    for number in range(count):
        own = torch.Generator().manual_seed(1)
        rows = drawn(Share(number, count), 12 // count, own)
        assert torch.equal(rows, whole.index_select(axis, torch.arange(number, 12, count)))
        assert torch.equal(own.get_state(), generator.get_state())


def test_what_is_drawn_for_the_whole_batch_is_what_torch_draws():
    one, other = (torch.Generator().manual_seed(3) for _ in range(2))
    assert torch.equal(Share().normal([4, 2], one), torch.randn(4, 2, generator=other))
    assert torch.equal(Share().uniform([4], one), torch.rand(4, generator=other))
    assert torch.equal(Share().integers(0, 9, [4], one), torch.randint(9, [4], generator=other))


def test_a_part_of_a_share_is_a_share_of_the_batch():
    rows = torch.arange(24)
    part = Share(1, 2).part(2, 3)
    assert torch.equal(rows[part.number :: part.count], rows[1::2][2::3])


def test_repeated_rows_draw_what_they_draw_in_the_batch():
    """Three repeats of the rows, one after the other."""
    whole = Share().uniform([3 * 8], torch.Generator().manual_seed(0)).view(3, 8)
    own = Share(1, 4).uniform([3 * 2], torch.Generator().manual_seed(0)).view(3, 2)
    assert torch.equal(own, whole[:, 1::4])


def test_weighted_means_of_shares_have_the_mean_of_the_batch():
    error, mask = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([True, True, False, True])
    weights = [torch.tensor(2 * valid / 3) for valid in (1, 2)]
    means = [masked_mean(error[at::2], mask[at::2], Share(at, 2, weights[at])) for at in (0, 1)]
    assert sum(means) / 2 == pytest.approx(11 / 3)
