"""The folder of an episode that is being recorded: its header, its journals, and steps as records of bytes."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, RecordingError
from praxia.core.files import write_atomic
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.features import stream_key
from praxia.data.layout import LIVE_PREFIX, STAGING, json_bytes, out_of_space
from praxia.datatools.record.journal import Journal, SpillFile

__all__ = ["EpisodeJournals", "LiveFolder", "pack", "single_step", "unpack"]

NUMBERS = ("state", "action", "executed_action", "reward")
FLAGS = ("success", "terminated", "truncated")


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


def record_dtype(embodiment: Embodiment) -> np.dtype:
    """The fixed-size start of a record, streams last; the simulator's state follows if there is one."""
    size = {"state": (embodiment.state_dim,), "reward": ()} | dict.fromkeys(
        ("action", "executed_action"), (embodiment.action_dim,)
    )
    numbers, flags = ((name, "<f4", size[name]) for name in NUMBERS), ((name, "?") for name in (*FLAGS, "snapshot"))
    streams = ((stream_key(one.name), one.dtype, one.shape) for one in embodiment.streams)
    return np.dtype([*numbers, *flags, *streams])


def single_step(
    embodiment: Embodiment,
    images: Mapping[str, np.ndarray],
    fields: Mapping[str, Any],
    snapshot: bytes | None,
    task: str,
    streams: Mapping[str, np.ndarray],
) -> Episode:
    """A step as an episode of length one, which refuses what does not fit. Images are not copied.

    Raises:
        MismatchError: a size that is not the embodiment's.
        DataError: a number that is not finite, or images that are not uint8.
    """
    for name, image in images.items():
        if image.dtype != np.uint8:
            raise DataError(f"expected images of {name!r} as uint8, got {image.dtype}")
    numbers = {name: np.asarray(fields[name], np.float32)[None] for name in NUMBERS}
    flags = {name: np.array([fields[name]], bool) for name in FLAGS}
    return Episode(
        embodiment=embodiment,
        images={name: image[None] for name, image in images.items()},
        state=numbers["state"],
        action=numbers["action"],
        executed_action=numbers["executed_action"],
        reward=numbers["reward"],
        success=flags["success"],
        terminated=flags["terminated"],
        truncated=flags["truncated"],
        instruction="",
        task=task,
        start=Start("", task, {}),
        snapshots=() if snapshot is None else (snapshot,),
        streams={name: np.asarray(value)[None] for name, value in streams.items()},
    )


def pack(step: Episode) -> bytes:
    """An episode of one step as a record."""
    row = np.empty(1, record_dtype(step.embodiment))
    for name in (*NUMBERS, *FLAGS):
        row[name] = getattr(step, name)
    row["snapshot"] = bool(step.snapshots)
    for name, value in step.streams.items():
        row[stream_key(name)] = value
    return row.tobytes() + b"".join(step.snapshots)


def unpack(embodiment: Embodiment, records: Iterable[bytes]) -> dict[str, Any]:
    """The fields of an `Episode` from the records of its steps."""
    dtype = record_dtype(embodiment)
    records = list(records)
    rows = np.frombuffer(b"".join(record[: dtype.itemsize] for record in records), dtype)
    fields = {name: np.array(rows[name]) for name in (*NUMBERS, *FLAGS)}
    snapshots = [record[dtype.itemsize :] for record in records] if rows["snapshot"].all() else []
    streams = {one.name: np.array(rows[stream_key(one.name)]) for one in embodiment.streams}
    return {**fields, "snapshots": snapshots, "streams": streams}
