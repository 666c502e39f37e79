import itertools

import torch

from praxia.train.batches import shift_images
from praxia.train.config import warmup_cosine


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


def test_the_schedule_warms_up_and_decays_to_a_tenth():
    rates = [warmup_cosine(step, 1.0, 10, 110) for step in range(111)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0
    assert abs(rates[60] - 0.55) < 1e-9
    assert abs(rates[110] - 0.1) < 1e-9
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
