import threading

import pytest
import torch

from praxia.training.batches import prefetch, shift_images


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
    assert begun.wait(timeout=60)
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


def test_a_shift_moves_pixels_and_repeats_the_edge():
    images = torch.arange(5 * 7).reshape(1, 1, 1, 5, 7).to(torch.uint8).expand(200, 1, 1, 5, 7)
    shifted = shift_images(images, 2, torch.Generator().manual_seed(0))
    offsets = set()
    for row in shifted[:, 0, 0].int():
        dy, dx = divmod(int(row[2, 3]), 7)  # the centre pixel's origin
        dy, dx = dy - 2, dx - 3
        offsets.add((dy, dx))
        ys = (torch.arange(5) + dy).clamp(0, 4)
        xs = (torch.arange(7) + dx).clamp(0, 6)
        assert torch.equal(row, (ys[:, None] * 7 + xs).int())
    assert offsets == {(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)}


def test_shifts_are_a_function_of_the_generator():
    images = torch.randint(0, 256, (4, 2, 3, 8, 8), dtype=torch.uint8)
    one, two = (shift_images(images, 3, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two)
