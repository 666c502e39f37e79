"""The recorder of a robot or of teleoperation: episodes one after the other, frames as they come."""

import logging
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.types import Start
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import expect_unfinished, staged_indices
from praxia.datatools.record.episode import LiveEpisode, RecorderState
from praxia.datatools.record.folder import LiveFolder
from praxia.datatools.record.staging import Recovered, recover

__all__ = ["Recorder"]

LOG = logging.getLogger(__name__)
MEMORY_BYTES = 256 * 1024 * 1024
LEAST_FRAMES = 4


class Recorder:
    """Records into `root`, whose staged episodes `compact.compact(root, embodiment, plan)` makes a data set of.

    With `resume` an earlier recording of the same plan goes on, and episodes that a crash left half recorded are staged
    as far as they are whole (`recovered` lists them), or with `salvage=False` discarded. Frames wait in at most
    `memory_bytes` of memory, and on disk beyond half of that. `say` gets one line when the encoders begin to fall
    behind, from another thread than the caller's, and one for each recovered episode; it logs a warning by default.

    Raises:
        PraxiaError: as `recording.begin_recording`, where `memory_bytes` cannot hold a few frames, and where another process
            records in `root`: one has it as long as its recorder lives.
        MismatchError: as `recording.begin_recording`, and a half-recorded episode of another embodiment.
        RecordingError: an episode is under way in `root`, or the disk is full.
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
        say: Callable[[str], None] = LOG.warning,
    ):
        needed = LEAST_FRAMES * sum(3 * camera.height * camera.width for camera in embodiment.cameras)
        if memory_bytes < needed:
            raise PraxiaError(
                f"expected memory_bytes of at least {needed}, {LEAST_FRAMES} frames of {embodiment.name!r}, "
                f"got {memory_bytes}"
            )
        self._root, self._embodiment, self._memory_bytes, self._say = Path(root), embodiment, memory_bytes, say
        self._episode: LiveEpisode | None = None
        with ExitStack() as claim:
            claim.enter_context(recording_lock(self._root))
            begin_recording(root, plan, resume=resume)
            self.recovered = self._recover(salvage)
            weakref.finalize(self, claim.pop_all().close)

    def _recover(self, salvage: bool) -> tuple[Recovered, ...]:
        recovered = []
        for folder in LiveFolder.all_of(self._root):
            if folder.index in self.indices:  # killed after it was staged, before its journals were removed
                folder.remove()
                continue
            recovered.append(recover(folder, self._embodiment, salvage=salvage))
            self._say(str(recovered[-1]))
        return tuple(recovered)

    @property
    def indices(self) -> list[int]:
        """The episodes that are staged, in order: saved ones and recovered ones."""
        return staged_indices(self._root)

    def episode(
        self, index: int, *, instruction: str, task: str, start: Start, provenance: Mapping[str, Any] | None = None
    ) -> LiveEpisode:
        """Begin episode `index`; the fields are those of `data.episode.Episode`.

        Raises:
            PraxiaError: one is under way, `index` is recorded already, or the data set is finished.
            RecordingError: the disk is full.
        """
        expect_unfinished(self._root)
        if self._episode and self._episode.open:
            raise PraxiaError(f"episode {self._episode.index} is under way; save() or discard() it first")
        if index in self.indices:
            raise PraxiaError(
                f"episode {index} is recorded in {self._root} already; choose an index that is not in recorder.indices"
            )
        self._episode = LiveEpisode(
            LiveFolder(self._root, index),
            self._embodiment,
            instruction=instruction,
            task=task,
            start=start,
            provenance=provenance or {},
            memory_bytes=self._memory_bytes,
            say=self._say,
        )
        return self._episode

    def state(self) -> RecorderState | None:
        """How the episode under way is doing; None without one. Any thread may ask."""
        return self._episode.state() if self._episode and self._episode.open else None
