"""The action chunks of a data set, normalised, without a look at its pictures."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import expect_positive
from praxia.core.types import Window
from praxia.data.dataset import Dataset
from praxia.data.windows import Windows
from praxia.transforms.normalise import Normaliser

__all__ = ["action_chunks"]

MAX_CHUNKS = 16_384


def action_chunks(
    dataset: Dataset, horizon: int, episodes: Sequence[int] | Int64[np.ndarray, " K"]
) -> tuple[Float32[np.ndarray, "B H A"], Bool[np.ndarray, "B H"]]:
    """Chunks of `horizon` normalised actions that begin at frames of the given episodes, and which steps are valid.

    As training sees them: an episode's last action is repeated. Of more than 16,384 frames so many are taken, evenly.

    Raises:
        DataError: no episodes.
    """
    expect_positive(horizon=horizon)
    windows = Windows(dataset, Window({}, horizon), episodes)
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), MAX_CHUNKS)).astype(np.int64)
    samples = windows.read(chosen)
    assert samples.action is not None
    assert samples.action_valid is not None
    return Normaliser.from_stats(dataset.stats["action"]).encode(samples.action), samples.action_valid
