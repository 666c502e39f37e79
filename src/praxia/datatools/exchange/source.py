"""The interface of importers: a source of episodes, what the user states about it, and its episodes as Praxia's."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.core.types import Start
from praxia.data.episode import Episode

__all__ = [
    "EpisodeSteps",
    "ForeignDataset",
    "ImportOptions",
    "as_rows",
    "assumptions",
    "common_length",
    "control_rate",
    "episode_columns",
    "fingerprint",
    "natural_key",
    "read_episode",
    "select",
]


@dataclass(frozen=True)
class ImportOptions:
    """What the user states about a source. None and () leave it to the source, or to the rule of its format.

    `fps` is the control rate in Hz. `state` holds the source's names of arrays, joined in that order; `cameras` those
    whose images are kept. `mask` is a filter key of robomimic. `jpeg` is the channel order of ALOHA's compressed
    images: "bgr" if OpenCV encoded RGB images as if they were BGR, as ACT's scripts do, "rgb" for regular JPEGs.
    """

    fps: float | None = None
    instruction: str | None = None
    task: str | None = None
    state: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    mask: str | None = None
    jpeg: Literal["bgr", "rgb"] | None = None


@dataclass(frozen=True)
class EpisodeSteps:
    """N steps of one episode as the source has them, without images. None: the source does not state it.

    `origin` is a JSON value: the file, the name of the episode in it, and anything else worth keeping.
    """

    state: Shaped[np.ndarray, "N S"]
    action: Shaped[np.ndarray, "N A"]
    instruction: str
    task: str
    origin: Mapping[str, Any]
    executed_action: Shaped[np.ndarray, "N A"] | None = None
    reward: Shaped[np.ndarray, " N"] | None = None
    success: Bool[np.ndarray, " N"] | None = None
    terminated: Bool[np.ndarray, " N"] | None = None
    truncated: Bool[np.ndarray, " N"] | None = None

    def __len__(self) -> int:
        return len(self.state)


@runtime_checkable
class ForeignDataset(Protocol):
    """An inspected source: every episode has the same arrays, of consistent sizes.

    `plan` is a JSON value that fixes what is imported; its "assumed" lists what neither source nor user stated, and
    what the rule of the format assumes instead. `left_out` lists the arrays of the source that are not imported.
    """

    @property
    def embodiment(self) -> Embodiment: ...

    @property
    def plan(self) -> Mapping[str, Any]: ...

    @property
    def left_out(self) -> tuple[str, ...]: ...

    def __len__(self) -> int:
        """The number of episodes."""
        ...

    def steps(self, episode: int) -> EpisodeSteps:
        """One episode without its images.

        Raises:
            DataError: names file and array: unreadable, not numeric, or not finite.
        """
        ...

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        """RGB images of consecutive steps.

        Raises:
            DataError: names file and array: unreadable.
        """
        ...


def as_rows(values: np.ndarray, where: str) -> Shaped[np.ndarray, "N D"]:
    """An array of the source as one row of numbers per step.

    Raises:
        DataError: it is not numeric, or a number is not finite as float32; `where` names file and array.
    """
    if values.dtype.kind not in "fiub" or values.ndim == 0:
        raise DataError(f"{where}: expected numbers with one row per step, got {values.dtype} of shape {values.shape}")
    rows = values.reshape(len(values), -1)
    with np.errstate(over="ignore"):
        broken = np.flatnonzero(~np.isfinite(rows.astype(np.float32)).all(axis=1))
    if len(broken):
        raise DataError(f"{where}: expected finite numbers, got {rows[broken[0]].tolist()} in step {broken[0]}")
    return rows


def common_length(lengths: Mapping[str, int], where: str) -> int:
    """The number of steps that all arrays of an episode have.

    Raises:
        DataError: lengths differ, or are 0.
    """
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"{where}: expected arrays of one length, at least 1, got {found}")
    return next(iter(lengths.values()))


def select(kind: str, wanted: Iterable[str], available: Iterable[str], where: str) -> tuple[str, ...]:
    """`wanted`, or everything available if nothing is wanted.

    Raises:
        UnknownName: a name that is not available.
    """
    available = tuple(available)
    for name in wanted:
        if name not in available:
            raise UnknownName(kind, name, available, f"{', '.join(available)} in {where}")
    return tuple(wanted) or available


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts numbers in names by value: demo_2 before demo_10."""
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts)), name


def control_rate(value: Any, where: str) -> float:
    """The control rate in Hz that user or source stated.

    Raises:
        PraxiaError: neither did, or it is not a valid rate.
    """
    if value is None:
        raise PraxiaError(f"{where} does not state its control rate; give it in Hz with --fps")
    if not isinstance(value, int | float) or not 0 < value < 10_000:
        raise PraxiaError(f"expected a control rate above 0 Hz for {where}, got {value!r}")
    return float(value)


def fingerprint(path: Path, files: Iterable[Path]) -> dict[str, Any]:
    """A cheap identity of a source, independent of its location: its name, number of files and bytes."""
    sizes = [file.stat().st_size for file in files]
    return {"name": path.resolve().name, "files": len(sizes), "bytes": sum(sizes)}


def assumptions(source: ForeignDataset, steps: EpisodeSteps) -> dict[str, str]:
    """What neither the source nor the user stated, and what is assumed instead."""
    defaults = {
        "executed_action": "the action",
        "reward": "0 in every step",
        "success": "true in the last step",
        "terminated": "false",
        "truncated": "true in the last step, unless it is terminated",
    }
    unknown = {name: text for name, text in defaults.items() if getattr(steps, name) is None}
    return {**source.plan["assumed"], **unknown}


def episode_columns(steps: EpisodeSteps) -> Mapping[str, np.ndarray]:
    """The numbers of an episode by Praxia's feature names, in the source's precision."""
    last = np.arange(len(steps)) == len(steps) - 1
    terminated = _or(steps.terminated, np.zeros(len(steps), bool))
    truncated = _or(steps.truncated, last & ~terminated)
    return {
        "observation.state": steps.state,
        "action": steps.action,
        "action.executed": _or(steps.executed_action, steps.action),
        "next.reward": _or(steps.reward, np.zeros(len(steps))),
        "next.success": _or(steps.success, last),
        "next.terminated": terminated,
        "next.truncated": truncated,
        "next.done": terminated | truncated,
    }


def read_episode(source: ForeignDataset, number: int) -> Episode:
    """Read episode `number` into memory. Its start records where it came from; no simulator can reset to it.

    Raises:
        DataError: names file and array.
    """
    steps, embodiment, kind = source.steps(number), source.embodiment, source.plan["import"]
    images = {camera.name: source.images(number, camera.name, slice(0, len(steps))) for camera in embodiment.cameras}
    for camera in embodiment.cameras:
        wanted = (len(steps), camera.height, camera.width, 3)
        if images[camera.name].shape != wanted:
            raise DataError(
                f"{steps.origin['file']}, episode {steps.origin['episode']}: expected images {wanted} of camera "
                f"{camera.name}, got {images[camera.name].shape}"
            )
    columns = episode_columns(steps)
    return Episode(
        embodiment=embodiment,
        images=images,
        state=columns["observation.state"].astype(np.float32),
        action=columns["action"].astype(np.float32),
        executed_action=columns["action.executed"].astype(np.float32),
        reward=columns["next.reward"].astype(np.float32),
        success=columns["next.success"],
        terminated=columns["next.terminated"],
        truncated=columns["next.truncated"],
        instruction=steps.instruction,
        task=steps.task,
        start=Start(kind, steps.task, {"file": steps.origin["file"], "episode": steps.origin["episode"]}),
        provenance={"importer": kind, **steps.origin, "assumed": assumptions(source, steps)},
    )


def _or(values: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    return otherwise if values is None else values
