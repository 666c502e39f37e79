"""The folder of an episode that is being recorded: its header, its journals, and steps as records of bytes."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import RecordingError
from praxia.core.files import write_atomic
from praxia.core.types import ACTORS
from praxia.data.episode import Episode
from praxia.data.features import ACTOR, extra_key, stream_key
from praxia.data.layout import LIVE_PREFIX, STAGING, json_bytes, out_of_space
from praxia.data.recorder import FLAGS, NUMBERS
from praxia.datatools.record.journal import Journal, SpillFile

__all__ = ["Beside", "EpisodeJournals", "LiveFolder", "pack", "unpack"]


@dataclass(frozen=True)
class EpisodeJournals:
    """The open journals of an episode. Raises as `Journal` does."""

    numbers: Journal
    packets: Mapping[str, Journal]
    spills: Mapping[str, SpillFile]

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
    """`root/.staging/live-000123/`: episode 123, neither saved nor discarded yet."""

    root: Path
    index: int

    @classmethod
    def all_of(cls, root: Path) -> "list[LiveFolder]":
        """The folders in `root`, in order."""
        found = sorted((root / STAGING).glob(f"{LIVE_PREFIX}*"))
        return [cls(root, int(path.name.removeprefix(LIVE_PREFIX))) for path in found]

    @property
    def path(self) -> Path:
        return self.root / STAGING / f"{LIVE_PREFIX}{self.index:06d}"

    @property
    def _header(self) -> Path:
        return self.path / "episode.json"

    def begin(self, header: Mapping[str, Any], embodiment: Embodiment) -> EpisodeJournals:
        """Create it, with empty journals.

        Raises:
            RecordingError: the disk is full, or another process records the episode.
        """
        with out_of_space(self.root, f"beginning episode {self.index}"):
            try:
                self.path.mkdir()
            except FileExistsError as error:
                raise RecordingError(f"another process is recording episode {self.index}: {self.path}") from error
            try:
                write_atomic(self._header, json_bytes(header))
                return self.open(embodiment)
            except BaseException:
                self.remove()
                raise

    def header(self) -> dict[str, Any] | None:
        """The header written at the start; None if it was killed at its start, before any frame."""
        return json.loads(self._header.read_bytes()) if self._header.is_file() else None

    @property
    def _beside(self) -> Path:
        return self.path / "beside.json"

    def begin_records(self, beside: "Beside") -> None:
        """Keep what the records have beside the embodiment's numbers, before the first of them."""
        if beside != Beside():
            with out_of_space(self.root, f"beginning episode {self.index}"):
                write_atomic(self._beside, json_bytes(beside.to_json()))

    def beside(self) -> "Beside":
        """What the records have beside the embodiment's numbers."""
        return Beside.from_json(json.loads(self._beside.read_bytes())) if self._beside.is_file() else Beside()

    def open(self, embodiment: Embodiment) -> EpisodeJournals:
        cameras = {camera.name: camera for camera in embodiment.cameras}
        return EpisodeJournals(
            Journal(self.path / "numbers"),
            {name: Journal(self.path / f"{name}.packets") for name in cameras},
            {name: SpillFile(self.path / f"{name}.spill", camera) for name, camera in cameras.items()},
        )

    def remove(self) -> None:
        """Remove it atomically: `recording.begin_recording` cleans up what a kill leaves behind."""
        discarded = self.path.with_name(f".{self.path.name}.partial")
        shutil.rmtree(discarded, ignore_errors=True)
        self.path.rename(discarded)
        shutil.rmtree(discarded)


@dataclass(frozen=True)
class Beside:
    """What the records of an episode have beside the numbers of its embodiment: extras and actors.

    `extras` are (name, dtype, shape) of each, known from the first step.
    """

    extras: tuple[tuple[str, str, tuple[int, ...]], ...] = ()
    actors: bool = False

    @classmethod
    def of(cls, step: Episode) -> "Beside":
        """That of an episode whose first step is `step`."""
        extras = ((name, value.dtype.str, value.shape[1:]) for name, value in step.extras.items())
        return cls(tuple(extras), bool(step.actors))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Beside":
        extras = ((name, dtype, tuple(shape)) for name, dtype, shape in value["extras"])
        return cls(tuple(extras), value["actors"])

    def to_json(self) -> dict[str, Any]:
        return {"extras": [list(one) for one in self.extras], "actors": self.actors}


def record_dtype(embodiment: Embodiment, beside: Beside) -> np.dtype:
    """The fixed-size start of a record, with streams, extras and actor last; the simulator's state follows."""
    size = {"state": (embodiment.state_dim,), "reward": ()} | dict.fromkeys(
        ("action", "executed_action"), (embodiment.action_dim,)
    )
    numbers, flags = ((name, "<f4", size[name]) for name in NUMBERS), ((name, "?") for name in (*FLAGS, "snapshot"))
    streams = ((stream_key(one.name), one.dtype, one.shape) for one in embodiment.streams)
    extras = ((extra_key(name), dtype, shape) for name, dtype, shape in beside.extras)
    return np.dtype([*numbers, *flags, *streams, *extras, *([(ACTOR, "u1")] if beside.actors else [])])


def pack(step: Episode) -> bytes:
    """An episode of one step as a record."""
    row = np.empty(1, record_dtype(step.embodiment, Beside.of(step)))
    for name in (*NUMBERS, *FLAGS):
        row[name] = getattr(step, name)
    row["snapshot"] = bool(step.snapshots)
    for name, value in step.streams.items():
        row[stream_key(name)] = value
    for name, value in step.extras.items():
        row[extra_key(name)] = value
    for actor in step.actors:
        row[ACTOR] = ACTORS.index(actor)
    return row.tobytes() + b"".join(step.snapshots)


def unpack(embodiment: Embodiment, beside: Beside, records: Iterable[bytes]) -> dict[str, Any]:
    """The fields of an `Episode` from the records of its steps."""
    dtype = record_dtype(embodiment, beside)
    records = list(records)
    rows = np.frombuffer(b"".join(record[: dtype.itemsize] for record in records), dtype)
    fields = {name: np.array(rows[name]) for name in (*NUMBERS, *FLAGS)}
    return {
        **fields,
        "snapshots": [record[dtype.itemsize :] for record in records] if rows["snapshot"].all() else [],
        "streams": {one.name: np.array(rows[stream_key(one.name)]) for one in embodiment.streams},
        "extras": {name: np.array(rows[extra_key(name)]) for name, _, _ in beside.extras},
        "actors": [ACTORS[number] for number in rows[ACTOR]] if beside.actors else [],
    }
