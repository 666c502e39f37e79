"""The recorder for robots and teleoperation: one episode after the other, frames as they come.

It is an `EpisodeRecorder` (`data.recorder`), and its episodes are `OpenEpisode`s.
"""

import logging
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.types import Start
from praxia.data.recorder import expect_unrecorded
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import expect_unfinished, is_staged, staged_indices
from praxia.datatools.record.episode import LiveEpisode, RecorderState
from praxia.datatools.record.folder import LiveFolder
from praxia.datatools.record.staging import RecoveredEpisode, recover

__all__ = ["Recorder"]

LOG = logging.getLogger(__name__)
MEMORY_BYTES = 256 * 1024 * 1024
LEAST_FRAMES = 4


class Recorder:
    """Records into `root`; `finalize.finalize(root, embodiment, plan)` makes a data set of its staged episodes.

    With `resume` an earlier recording of the same plan continues. Episodes that a crash left half recorded are staged
    up to their last complete frame (`recovered` lists them), or discarded with `salvage=False`. Frames wait in at most
    `memory_bytes` of memory, and on disk beyond half of that. `log` gets one line when the encoders begin to lag, from
    another thread than the caller's, and one per recovered episode; the default logs a warning.

    Raises:
        PraxiaError: as `recording.begin_recording`; if `memory_bytes` cannot hold a few frames; if another process
            records in `root`, which is locked for the lifetime of its recorder.
        MismatchError: as `recording.begin_recording`; a half-recorded episode of another embodiment.
        RecordingError: an episode in `root` is being recorded, or the disk is full.
    """

    def __init__(
        self,
        root: str | Path,
        embodiment: Embodiment,
        plan: Mapping[str, Any],
        *,
        resume: bool = False,
        salvage: bool = True,
        memory_bytes: int = MEMORY_BYTES,
        log: Callable[[str], None] = LOG.warning,
    ):
        needed = LEAST_FRAMES * sum(3 * camera.height * camera.width for camera in embodiment.cameras)
        if memory_bytes < needed:
            raise PraxiaError(
                f"expected memory_bytes of at least {needed}, {LEAST_FRAMES} frames of {embodiment.name!r}, "
                f"got {memory_bytes}"
            )
        self._root, self._embodiment, self._memory_bytes, self._log = Path(root), embodiment, memory_bytes, log
        self._episode: LiveEpisode | None = None
        with ExitStack() as lock:
            lock.enter_context(recording_lock(self._root))
            begin_recording(root, plan, resume=resume)
            self.recovered = self._recover(salvage)
            weakref.finalize(self, lock.pop_all().close)

    def _recover(self, salvage: bool) -> tuple[RecoveredEpisode, ...]:
        recovered = []
        for folder in LiveFolder.all_of(self._root):
            if folder.index in self.indices:  # killed between staging and removal of its journals
                folder.remove()
                continue
            recovered.append(recover(folder, self._embodiment, salvage=salvage))
            self._log(str(recovered[-1]))
        return tuple(recovered)

    @property
    def indices(self) -> list[int]:
        """The staged episodes in order, both saved and recovered."""
        return staged_indices(self._root)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and is_staged(self._root, index)

    def episode(
        self, index: int, *, instruction: str, task: str, start: Start, provenance: Mapping[str, Any] | None = None
    ) -> LiveEpisode:
        """Begin episode `index`; the fields are those of `data.episode.Episode`.

        Raises:
            PraxiaError: another one is open, `index` is recorded already, or the data set is finished.
            RecordingError: the disk is full.
        """
        expect_unfinished(self._root)
        if self._episode and self._episode.open:
            raise PraxiaError(f"episode {self._episode.index} is open; save() or discard() it first")
        expect_unrecorded(self, index, self._root)
        self._episode = LiveEpisode(
            LiveFolder(self._root, index),
            self._embodiment,
            instruction=instruction,
            task=task,
            start=start,
            provenance=provenance or {},
            memory_bytes=self._memory_bytes,
            log=self._log,
        )
        return self._episode

    def state(self) -> RecorderState | None:
        """The state of the open episode; None without one. Callable from any thread."""
        return self._episode.state() if self._episode and self._episode.open else None
