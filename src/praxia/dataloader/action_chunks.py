"""The action chunks of data sets. No image is read."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import DataError, expect_positive
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.statistics.running import RunningStats
from praxia.transforms.chain import Transforms
from praxia.transforms.relative import RelativeActions

__all__ = [
    "action_chunks",
    "chunk_actions",
    "chunk_statistics",
    "chunks_of",
    "encoded_windows",
    "windows_without_images",
]

MAX_CHUNKS = 16_384
# Actions in memory at once, beside the columns of the data sets.
MAX_ACTIONS = 1 << 17


def windows_without_images(
    data: Sequence[tuple[Dataset, Sequence[int] | Int64[np.ndarray, " _"]]], horizon: int
) -> list[Windows]:
    """Windows of the given episodes of each data set with the present state and no image.

    Raises:
        PraxiaError: a horizon below 1.
        DataError: no episodes.
    """
    expect_positive(horizon=horizon)
    return [Windows(dataset, Window({"state": (0,)}, horizon), episodes) for dataset, episodes in data]


def action_chunks(
    data: Sequence[tuple[Dataset, Sequence[int] | Int64[np.ndarray, " _"]]], horizon: int, transforms: Transforms
) -> tuple[Float32[np.ndarray, "B H A"], Bool[np.ndarray, "B H"]]:
    """Chunks of `horizon` actions from frames of the given episodes of each data set, and which steps are valid.

    As `chunks_of` returns them. Raises as `windows_without_images`.
    """
    return chunks_of(Mixture(windows_without_images(data, horizon)), transforms)


def chunks_of(windows: Mixture, transforms: Transforms) -> tuple[Float32[np.ndarray, "B H A"], Bool[np.ndarray, "B H"]]:
    """The chunks of the windows of a mixture as `encoded_windows` selects them, and which steps are valid."""
    samples = encoded_windows(windows, transforms)
    assert samples.action is not None
    assert samples.action_valid is not None
    return samples.action, samples.action_valid


def encoded_windows(windows: Mixture, transforms: Transforms) -> Samples:
    """The windows of a mixture as training sees them, without images, but for those of data read without actions.

    They are at the mixture's rate, through `transforms`, an episode's last action repeated. Of more than 16,384 windows
    that many are taken, evenly spaced; of sequences, as many as have so many steps.
    """
    most = max(1, MAX_CHUNKS // (windows.window.sequence_length or 1))
    has_actions = np.array([entry.view.actions for entry in windows.entries])
    numbers = np.flatnonzero(np.repeat(has_actions, [len(entry) for entry in windows.entries]))
    selected = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), most)).astype(np.int64)]
    return transforms.encode(windows.read(selected, with_images=False))


def chunk_statistics(entries: Sequence[Windows], relative: Mapping[str, RelativeActions]) -> dict[str, RunningStats]:
    """By embodiment, statistics of the actions [A] of all chunks [H, A] of the windows.

    They are of actions as a policy sees them before they are normalised: an action enters once for every chunk that
    contains it, relative to the state at the chunk's first step if `relative` has the embodiment's name (its windows'
    last state is then the present one). Steps after an episode's end do not enter. Windows of one embodiment count as
    one data set.

    Raises:
        DataError: a number that is not finite; names data set, episode and frame.
    """
    found: dict[str, RunningStats] = {}
    for entry in entries:
        stats = found.setdefault(entry.embodiment.name, RunningStats())
        for actions in chunk_actions(entry, relative.get(entry.embodiment.name)):
            stats.add(actions)
    return found


def chunk_actions(windows: Windows, relative: RelativeActions | None) -> Iterator[Float32[np.ndarray, "N A"]]:
    """The actions that enter `chunk_statistics`, a block of windows at a time."""
    for rows in _blocks(len(windows), max(1, MAX_ACTIONS // windows.window.horizon)):
        samples = windows.read(rows, with_images=False)
        assert samples.action is not None
        assert samples.action_valid is not None
        chunks = samples.action if relative is None else relative.encode(samples.action, samples.state[:, -1])
        _expect_finite(windows, rows, chunks)
        yield chunks[samples.action_valid]


def _blocks(num: int, size: int) -> Iterator[Int64[np.ndarray, " B"]]:
    for first in range(0, num, size):
        yield np.arange(first, min(first + size, num))


def _expect_finite(windows: Windows, rows: Int64[np.ndarray, " B"], chunks: Float32[np.ndarray, "B H A"]) -> None:
    finite = np.isfinite(chunks).all((1, 2))
    if not finite.all():
        ((episode, frame),) = windows.frames_of(rows[~finite][:1])
        raise DataError(
            f"{windows.root} has an action or state that is not finite within {chunks.shape[1]} steps of frame {frame} "
            f"of episode {episode}; nothing can be learned from it: record the episode anew or leave it out"
        )
