import threading

import pytest

from praxia.train.batches import prefetch


def test_steps_come_in_order_and_one_ahead():
    made = []

    def make(step):
        made.append(step)
        return step * step

    found = []
    for step, value in prefetch(make, 3, 7):
        found.append((step, value))
    assert found == [(3, 9), (4, 16), (5, 25), (6, 36)]
    assert made == [3, 4, 5, 6]
    assert list(prefetch(make, 2, 2)) == []


def test_the_next_is_made_while_this_one_is_used():
    begun = threading.Event()

    def make(step):
        if step == 1:
            begun.set()
        return step

    steps = prefetch(make, 0, 2)
    next(steps)
    assert begun.wait(timeout=10)
    assert list(steps) == [(1, 1)]


def test_what_goes_wrong_is_raised_at_its_own_step():
    def make(step):
        if step == 1:
            raise ValueError("the second")
        return step

    steps = prefetch(make, 0, 3)
    assert next(steps) == (0, 0)
    with pytest.raises(ValueError, match="the second"):
        next(steps)
