"""The action chunks of data sets, normalised, without a look at their pictures."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import expect_positive
from praxia.core.types import Window
from praxia.data.dataset import Dataset
from praxia.data.mixture import Mixture
from praxia.data.windows import Windows
from praxia.transforms.chain import Transforms

__all__ = ["action_chunks"]

MAX_CHUNKS = 16_384


def action_chunks(
    data: Sequence[tuple[Dataset, Sequence[int] | Int64[np.ndarray, " K"]]], horizon: int, transforms: Transforms
) -> tuple[Float32[np.ndarray, "B H A"], Bool[np.ndarray, "B H"]]:
    """Chunks of `horizon` actions that begin at frames of the given episodes of each data set, and which steps count.

    As training sees them: normalised and padded by `transforms`, an episode's last action repeated. Of more than 16,384
    frames so many are taken, evenly.

    Raises:
        DataError: no episodes.
    """
    expect_positive(horizon=horizon)
    windows = Mixture([Windows(dataset, Window({}, horizon), episodes) for dataset, episodes in data])
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), MAX_CHUNKS)).astype(np.int64)
    samples = transforms.encode(windows.read(chosen))
    assert samples.action is not None
    assert samples.action_valid is not None
    return samples.action, samples.action_valid
