"""Small values that tests of several rooms need: shapes and batches with known content."""

import torch

from praxia.nn.types import Batch, Shapes


def make_shapes(horizon: int = 4) -> Shapes:
    return Shapes(cameras=("front",), num_moments=2, state_dim=3, action_dim=2, horizon=horizon, vocabulary=50)


def make_batch(num: int = 5, horizon: int = 4, text_seed: int = 0, image_seed: int = 0) -> Batch:
    """Random pictures of 16 px, states, texts of 6 ids of which 4 count, and actions that are all valid."""
    state = torch.randn(num, 2, 3, generator=torch.Generator().manual_seed(5))
    action = torch.randn(num, horizon, 2, generator=torch.Generator().manual_seed(6))
    pixels = torch.Generator().manual_seed(image_seed)
    ids = torch.Generator().manual_seed(text_seed)
    return Batch(
        images={"front": torch.randint(0, 256, (num, 2, 3, 16, 16), generator=pixels, dtype=torch.uint8)},
        image_valid={"front": torch.ones(num, 2, dtype=torch.bool)},
        state=state,
        state_valid=torch.ones(num, 2, dtype=torch.bool),
        text=torch.randint(2, 50, (num, 6), generator=ids),
        text_valid=(torch.arange(6) < 4).expand(num, 6),
        action=action,
        action_valid=torch.ones(num, horizon, dtype=torch.bool),
    )
