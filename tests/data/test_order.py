import numpy as np
import pytest

from praxia.core.errors import DataError
from praxia.data.order import batch_indices, order


def test_an_epoch_is_a_permutation_that_depends_on_its_key_alone():
    first = order(0, 0, 50).copy()
    assert sorted(first) == list(range(50))
    assert (order(0, 1, 50) != first).any()
    assert (order(1, 0, 50) != first).any()
    np.testing.assert_array_equal(order(0, 0, 50), first)
    order.cache_clear()
    np.testing.assert_array_equal(order(0, 0, 50), first)


@pytest.mark.parametrize(("size", "num"), [(8, 50), (50, 50), (7, 5), (128, 50), (1, 1)])
def test_batches_are_the_epochs_one_after_the_other(size, num):
    steps = 200 // size + 3
    flat = np.concatenate([batch_indices(3, step, size, num) for step in range(steps)])
    expected = np.concatenate([order(3, epoch, num) for epoch in range(len(flat) // num + 1)])
    np.testing.assert_array_equal(flat, expected[: len(flat)])


def test_a_batch_does_not_depend_on_the_batches_before():
    alone = batch_indices(0, 1234, 16, 100)
    for step in (0, 99999, 1233):
        batch_indices(0, step, 16, 100)
    np.testing.assert_array_equal(batch_indices(0, 1234, 16, 100), alone)


def test_nothing_to_draw_from():
    with pytest.raises(DataError, match="no episode was selected"):
        batch_indices(0, 0, 8, 0)
