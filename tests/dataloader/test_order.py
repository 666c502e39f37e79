import json
import subprocess
import sys

import numpy as np
import pytest

from praxia.core.errors import DataError
from praxia.dataloader.order import WeightedOrder, batch_indices, epoch_order


def test_an_epoch_is_a_permutation_that_depends_on_its_key_alone():
    first = epoch_order(0, 0, 50).copy()
    assert sorted(first) == list(range(50))
    assert (epoch_order(0, 1, 50) != first).any()
    assert (epoch_order(1, 0, 50) != first).any()
    np.testing.assert_array_equal(epoch_order(0, 0, 50), first)
    epoch_order.cache_clear()
    np.testing.assert_array_equal(epoch_order(0, 0, 50), first)


@pytest.mark.parametrize(("size", "num"), [(8, 50), (50, 50), (7, 5), (128, 50), (1, 1)])
def test_batches_are_the_epochs_one_after_the_other(size, num):
    steps = 200 // size + 3
    flat = np.concatenate([batch_indices(3, step, size, num) for step in range(steps)])
    expected = np.concatenate([epoch_order(3, epoch, num) for epoch in range(len(flat) // num + 1)])
    np.testing.assert_array_equal(flat, expected[: len(flat)])


def test_a_batch_does_not_depend_on_the_batches_before():
    alone = batch_indices(0, 1234, 16, 100)
    for step in (0, 99999, 1233):
        batch_indices(0, step, 16, 100)
    np.testing.assert_array_equal(batch_indices(0, 1234, 16, 100), alone)


def test_nothing_to_draw_from():
    with pytest.raises(DataError, match="no episode was selected"):
        batch_indices(0, 0, 8, 0)


@pytest.fixture(scope="module")
def weighted():
    """Parts of 300, 7 and 5,000 windows, of which 1/6, 2/6 and 3/6 are drawn."""
    return WeightedOrder((300, 7, 5000), (1, 2, 3))


def entries_of(indices):
    return np.searchsorted([300, 307], indices, side="right")


def test_weighted_counts_are_exact_and_every_part_walks_its_own_epochs(weighted):
    drawn = np.concatenate([weighted.batch(3, step, 100) for step in range(92)])
    parts = entries_of(drawn)
    for num in range(weighted.round_size, len(drawn), weighted.round_size):
        counts = np.bincount(parts[:num], minlength=3)
        assert (abs(counts - num * np.array([1, 2, 3]) / 6) < 1).all()
        np.testing.assert_array_equal(counts, weighted.positions_before(num // weighted.round_size))
    for part, first, size in ((0, 0, 300), (1, 300, 7), (2, 307, 5000)):
        stream = drawn[parts == part] - first
        for epoch in range(len(stream) // size):
            assert sorted(stream[epoch * size : (epoch + 1) * size]) == list(range(size))
        assert len(set(stream[len(stream) // size * size :])) == len(stream) % size
    runs = np.diff(np.flatnonzero(np.diff(parts)))
    assert runs.max() < 30, "parts come mixed"


@pytest.mark.parametrize("size", [1, 17, 1024, 5000])
def test_a_weighted_batch_is_a_function_of_seed_and_position_alone(weighted, size):
    flat = np.concatenate([weighted.batch(1, step, 1000) for step in range(16)])
    fresh = WeightedOrder((300, 7, 5000), (1, 2, 3))
    for step in (10_000 // size, 5000 // size, 0):
        np.testing.assert_array_equal(fresh.batch(1, step, size), flat[step * size : (step + 1) * size])
    assert (fresh.batch(2, 0, 1000) != flat[:1000]).any()


def test_another_process_draws_the_same(weighted):
    code = (
        "from praxia.dataloader.order import WeightedOrder; "
        "print(WeightedOrder((300, 7, 5000), (1, 2, 3)).batch(0, 123456789, 20).tolist())"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == weighted.batch(0, 123456789, 20).tolist()


def test_a_part_that_is_seldom_drawn_still_has_its_share():
    rare = WeightedOrder((10, 10), (1, 2999))
    drawn = np.concatenate([rare.batch(0, step, 1000) for step in range(9)])
    assert [(drawn[:num] < 10).sum() for num in (3000, 6000, 9000)] == [1, 2, 3]
