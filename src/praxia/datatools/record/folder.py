"""The folder of an episode under way: its description and its journals."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import RecordingError
from praxia.core.files import write_whole
from praxia.data.disk import json_bytes, out_of_space
from praxia.data.layout import LIVE_PREFIX, STAGING
from praxia.datatools.record.journal import Journal
from praxia.datatools.record.spill import Spill

__all__ = ["Journals", "LiveFolder"]


@dataclass(frozen=True)
class Journals:
    """What is written while an episode runs, open. Raises as `Journal` does."""

    numbers: Journal
    packets: Mapping[str, Journal]
    spills: Mapping[str, Spill]

    def _all(self) -> list[Journal]:
        return [self.numbers, *self.packets.values(), *(spill.journal for spill in self.spills.values())]

    def sync(self) -> None:
        for journal in self._all():
            journal.sync()

    def close(self) -> None:
        for journal in self._all():
            journal.close()


@dataclass(frozen=True)
class LiveFolder:
    """`root/.staging/live-000123/`: episode 123, which nobody has saved or discarded yet."""

    root: Path
    index: int

    @classmethod
    def all_of(cls, root: Path) -> "list[LiveFolder]":
        """Those in `root`, in order."""
        found = sorted((root / STAGING).glob(f"{LIVE_PREFIX}*"))
        return [cls(root, int(path.name.removeprefix(LIVE_PREFIX))) for path in found]

    @property
    def path(self) -> Path:
        return self.root / STAGING / f"{LIVE_PREFIX}{self.index:06d}"

    @property
    def _header(self) -> Path:
        return self.path / "episode.json"

    def begin(self, header: Mapping[str, Any], embodiment: Embodiment) -> Journals:
        """Make it, with empty journals.

        Raises:
            RecordingError: the disk is full, or the episode is under way elsewhere.
        """
        with out_of_space(self.root, f"beginning episode {self.index}"):
            try:
                self.path.mkdir()
            except FileExistsError as error:
                raise RecordingError(f"episode {self.index} is being recorded by somebody else: {self.path}") from error
            try:
                write_whole(self._header, json_bytes(header))
                return self.open(embodiment)
            except BaseException:
                self.remove()
                raise

    def header(self) -> dict[str, Any] | None:
        """What was said of the episode when it began; None: it was killed while it began, before any frame."""
        return json.loads(self._header.read_bytes()) if self._header.is_file() else None

    def open(self, embodiment: Embodiment) -> Journals:
        cameras = {camera.name: camera for camera in embodiment.cameras}
        return Journals(
            Journal(self.path / "numbers"),
            {name: Journal(self.path / f"{name}.packets") for name in cameras},
            {name: Spill(self.path / f"{name}.spill", camera) for name, camera in cameras.items()},
        )

    def remove(self) -> None:
        """Take it away, whole or not at all: `recording.begin` tidies up what a kill leaves of it."""
        gone = self.path.with_name(f".{self.path.name}.partial")
        shutil.rmtree(gone, ignore_errors=True)
        self.path.rename(gone)
        shutil.rmtree(gone)
