"""Source"""

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
    "Choice",
    "ForeignDataset",
    "Steps",
    "assumed",
    "by_number",
    "chosen",
    "columns_of",
    "episode_of",
    "fingerprint",
    "rate",
    "same_length",
    "vectors",
]


@dataclass(frozen=True)
class Choice:
    """What the person who imports says. None and () leave it to the source, or to the rule of its format.

    `fps` is the control rate in Hz. `state` are the source's own names of arrays, joined in that order; `cameras` those
    whose images are kept. `mask` is a filter key of robomimic. `jpeg` is how ALOHA's compressed images were made:
    "bgr" by OpenCV from RGB images that it took to be BGR, as ACT's own scripts do, "rgb" as any other JPEG.
    """

    fps: float | None = None
    instruction: str | None = None
    task: str | None = None
    state: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    mask: str | None = None
    jpeg: Literal["bgr", "rgb"] | None = None


@dataclass(frozen=True)
class Steps:
    """N steps of one episode as the source has them, without images. None: the source does not say.

    `origin` is a JSON value: the file and the name of the episode in it, and what else is worth keeping.
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
    """A source that was looked through: every episode has the same arrays, of sizes that fit.

    `plan` is a JSON value that fixes what is imported; its "assumed" names what neither source nor person said, with
    what the format's rule took. `left_out` are the source's arrays that are not imported.
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

    def steps(self, episode: int) -> Steps:
        """Everything of one episode but its images.

        Raises:
            DataError: naming file and array: not readable, not numbers, not finite.
        """
        ...

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of some consecutive steps, RGB.

        Raises:
            DataError: naming file and array: not readable.
        """
        ...


def vectors(values: np.ndarray, where: str) -> Shaped[np.ndarray, "N D"]:
    """An array of the source as one row of numbers a step.

    Raises:
        DataError: it is none, or a number is not finite as float32; `where` names file and array.
    """
    if values.dtype.kind not in "fiub" or values.ndim == 0:
        raise DataError(f"{where}: expected numbers with one row a step, got {values.dtype} of shape {values.shape}")
    rows = values.reshape(len(values), -1)
    with np.errstate(over="ignore"):
        broken = np.flatnonzero(~np.isfinite(rows.astype(np.float32)).all(axis=1))
    if len(broken):
        raise DataError(f"{where}: expected finite numbers, got {rows[broken[0]].tolist()} in step {broken[0]}")
    return rows


def same_length(lengths: Mapping[str, int], where: str) -> int:
    """The number of steps that all arrays of an episode have.

    Raises:
        DataError: they differ, or there is none.
    """
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"{where}: expected arrays of one length, at least 1, got {found}")
    return next(iter(lengths.values()))


def chosen(kind: str, wanted: Iterable[str], there: Iterable[str], where: str) -> tuple[str, ...]:
    """`wanted`, or all that is there where nothing is wanted.

    Raises:
        UnknownName: one that is not there.
    """
    there = tuple(there)
    for name in wanted:
        if name not in there:
            raise UnknownName(kind, name, there, f"{', '.join(there)} in {where}")
    return tuple(wanted) or there


def by_number(name: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts names with the numbers in them by value: demo_2 before demo_10."""
    pieces = re.split(r"(\d+)", name)
    return tuple(int(piece) if at % 2 else piece for at, piece in enumerate(pieces)), name


def rate(said: Any, where: str) -> float:
    """The control rate in Hz that person or source said.

    Raises:
        PraxiaError: neither did, or it is no rate.
    """
    if said is None:
        raise PraxiaError(f"{where} does not say its control rate; give it in Hz with --fps")
    if not isinstance(said, int | float) or not 0 < said < 10_000:
        raise PraxiaError(f"expected a control rate above 0 Hz for {where}, got {said!r}")
    return float(said)


def fingerprint(path: Path, files: Iterable[Path]) -> dict[str, Any]:
    """What says cheaply whether a source is still the same, wherever it lies: its name, and how many bytes it has."""
    sizes = [file.stat().st_size for file in files]
    return {"name": path.resolve().name, "files": len(sizes), "bytes": sum(sizes)}


def assumed(source: ForeignDataset, steps: Steps) -> dict[str, str]:
    """What neither the source nor a person said, and what is taken instead."""
    taken = {
        "executed_action": "the action",
        "reward": "0 in every step",
        "success": "true in the last step",
        "terminated": "false",
        "truncated": "true in the last step, unless it is terminated",
    }
    unsaid = {name: text for name, text in taken.items() if getattr(steps, name) is None}
    return {**source.plan["assumed"], **unsaid}


def columns_of(steps: Steps) -> Mapping[str, np.ndarray]:
    """Every number of an episode by our feature's name, in the source's own precision."""
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


def episode_of(source: ForeignDataset, number: int) -> Episode:
    """Episode `number`, all of it in memory. Its start says where it came from: no simulator can begin it.

    Raises:
        DataError: naming file and array.
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
    columns = columns_of(steps)
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
        provenance={"importer": kind, **steps.origin, "assumed": assumed(source, steps)},
    )


def _or(values: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    return otherwise if values is None else values
