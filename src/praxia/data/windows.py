"""Windows as values: which moments and actions belong together around a frame, read by the batch."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.errors import DataError, MismatchError
from praxia.core.types import Samples, Window
from praxia.data.dataset import Dataset

__all__ = ["Windows"]

STATE = "state"


class Windows:
    """Every frame of the given episodes as the present moment of one window: len() windows, numbered in order.

    Moments before an episode's first step repeat the first, actions after its last repeat the last; neither is valid.
    Pictures come from the data set's decoded cache, which is built here if it is not there yet.

    Raises:
        DataError: no episodes.
        MismatchError: the window asks for a camera or modality that the data set does not have.
    """

    def __init__(self, dataset: Dataset, window: Window, episodes: Sequence[int] | Int64[np.ndarray, " K"]):
        if len(episodes) == 0:
            raise DataError(
                f"expected at least one episode of {dataset.root}, got none; see `praxia info {dataset.root}`"
            )
        _expect_modalities(dataset, window)
        self.window = window
        self.root = dataset.root
        self.embodiment = dataset.embodiment
        chosen = np.asarray(episodes, dtype=np.int64)
        first, length = dataset.episodes.first[chosen], dataset.episodes.length[chosen]
        self._episode = np.repeat(chosen, length)
        self._first = np.repeat(first, length)
        self._last = np.repeat(first + length - 1, length)
        self._now = np.concatenate([np.arange(a, a + n) for a, n in zip(first, length, strict=True)])
        self._state = np.ascontiguousarray(dataset.column("observation.state"), dtype=np.float32)
        self._action = np.ascontiguousarray(dataset.column("action"), dtype=np.float32)
        self._task = dataset.column("task_index")[:, 0]
        self._instructions = np.array(dataset.instructions, dtype=object)
        self._frames = {camera: dataset.footage(camera) for camera in window.cameras}

    def __len__(self) -> int:
        return len(self._now)

    def read(self, indices: Int64[np.ndarray, " B"]) -> Samples:
        """The windows with the given numbers, in that order, in declared units."""
        moments = self.window.moments
        state_at, state_valid = self._locate(indices, moments.get(STATE, ()))
        action_at, action_valid = self._locate(indices, range(self.window.horizon))
        images, image_valid = {}, {}
        for camera, frames in self._frames.items():
            at, image_valid[camera] = self._locate(indices, moments[f"image.{camera}"])
            images[camera] = frames.read(at.ravel()).reshape(*at.shape, *frames.shape[1:])
        return Samples(
            images=images,
            image_valid=image_valid,
            state=self._state[state_at],
            state_valid=state_valid,
            instruction=tuple(self._instructions[self._task[self._now[indices]]]),
            embodiment=np.zeros(len(indices), dtype=np.int64),
            action=self._action[action_at],
            action_valid=action_valid,
        )

    def frames_of(self, indices: Int64[np.ndarray, " B"]) -> list[tuple[int, int]]:
        """(episode, frame in it) of each window's present, for messages."""
        frames = self._now[indices] - self._first[indices]
        return list(zip(self._episode[indices].tolist(), frames.tolist(), strict=True))

    def _locate(
        self, indices: Int64[np.ndarray, " B"], offsets: Sequence[int]
    ) -> tuple[Int64[np.ndarray, "B T"], Bool[np.ndarray, "B T"]]:
        """Frames at `offsets` from each window's present, held inside its episode, and which needed no holding."""
        wanted = self._now[indices, None] + np.asarray(offsets, dtype=np.int64)
        held = np.clip(wanted, self._first[indices, None], self._last[indices, None])
        return held, held == wanted


def _expect_modalities(dataset: Dataset, window: Window) -> None:
    known = {STATE, *(f"image.{camera}" for camera in dataset.cameras)}
    unknown = sorted(set(window.moments) - known)
    if unknown:
        raise MismatchError(
            f"the window asks for {', '.join(unknown)}; {dataset.root} has {', '.join(sorted(known))}. "
            "Choose another recipe or record with that camera"
        )
