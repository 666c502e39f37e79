"""One recorded episode, and the notation for numbers of episodes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.types import ACTORS, Actor, Start

__all__ = ["Episode", "format_episodes", "parse_episodes"]


@dataclass(frozen=True)
class Episode:
    """N steps of one robot. Row t: the observation at t, the action taken there, and its outcome.

    `action` is the label to imitate, `executed_action` what the robot did; both in declared units. `reward`, `success`,
    `terminated` and `truncated` are the outcome of step t. `task` is the short name ("door-open"), `instruction` the
    sentence. `snapshots` has the simulator's state before each step, or nothing. `extras` are numbers about each step
    by name, [N, ...] (`core.types.Decision.extras`), and `actors` who chose each action, or nothing. `streams` are
    those of the embodiment by name, [N, ...]. `provenance` is any JSON value about the origin of the episode: the
    expert, its noise and, as "key", the key on which that depends. The extra "intervention" says of each step whether
    somebody else chose its action than who drives in this episode.

    Raises:
        DataError: a number is not finite.
        MismatchError: arrays of different lengths, or of another size than the embodiment declares.
    """

    embodiment: Embodiment
    images: Mapping[str, UInt8[np.ndarray, "N _ _ 3"]]
    state: Float32[np.ndarray, "N S"]
    action: Float32[np.ndarray, "N A"]
    executed_action: Float32[np.ndarray, "N A"]
    reward: Float32[np.ndarray, " N"]
    success: Bool[np.ndarray, " N"]
    terminated: Bool[np.ndarray, " N"]
    truncated: Bool[np.ndarray, " N"]
    instruction: str
    task: str
    start: Start
    snapshots: Sequence[bytes] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    actors: Sequence[Actor] = ()
    streams: Mapping[str, Shaped[np.ndarray, "N ..."]] = field(default_factory=dict)

    def __post_init__(self):
        embodiment, n = self.embodiment, len(self)
        expected = {
            "state": (n, embodiment.state_dim),
            "action": (n, embodiment.action_dim),
            "executed_action": (n, embodiment.action_dim),
            **dict.fromkeys(("reward", "success", "terminated", "truncated"), (n,)),
        }
        got = {name: getattr(self, name).shape for name in expected}
        for camera in embodiment.cameras:
            expected[f"images[{camera.name}]"] = (n, camera.height, camera.width, 3)
            got[f"images[{camera.name}]"] = self.images[camera.name].shape if camera.name in self.images else None
        for name, shape in expected.items():
            if n == 0 or got[name] != shape:
                raise MismatchError(
                    f"an episode of {embodiment.name!r} needs {name} of shape {shape} with at least one step, "
                    f"got {got[name]}"
                )
        for name in ("state", "action", "executed_action", "reward"):
            if not np.isfinite(getattr(self, name)).all():
                raise DataError(
                    f"an episode of {self.task!r} has a {name} that is not finite; nothing can be learned from it"
                )
        self._expect_streams()
        if len(self.snapshots) not in (0, n):
            raise MismatchError(f"an episode of {n} steps needs {n} snapshots or none, got {len(self.snapshots)}")
        if len(self.actors) not in (0, n):
            raise MismatchError(f"an episode of {n} steps needs {n} actors or none, got {len(self.actors)}")
        if unknown := [one for one in self.actors if one not in ACTORS]:
            raise MismatchError(f"expected actors among {', '.join(ACTORS)}, got {unknown[0]!r}")
        for name, values in self.extras.items():
            if values.shape[:1] != (n,) or values.dtype.kind not in "fiub":
                got = f"{values.dtype} {list(values.shape)}"
                raise MismatchError(f"an episode of {n} steps needs extra {name!r} as numbers [{n}, ...], got {got}")
            if not np.isfinite(values).all():
                raise DataError(f"an episode of {self.task!r} has an extra {name!r} that is not finite")

    def _expect_streams(self) -> None:
        declared = {stream.name: stream for stream in self.embodiment.streams}
        if self.streams.keys() != declared.keys():
            got, expected = (", ".join(map(repr, names)) or "none" for names in (self.streams, declared))
            raise MismatchError(f"an episode of {self.embodiment.name!r} needs the streams {expected}, got {got}")
        for name, values in self.streams.items():
            declared[name].expect(values, f"an episode of {len(self)} steps")
            if values.shape != (len(self), *declared[name].shape):
                raise MismatchError(f"an episode needs {len(self)} steps of stream {name!r}, got {list(values.shape)}")
            if not np.isfinite(values).all():
                raise DataError(f"an episode of {self.task!r} has a stream {name!r} that is not finite")

    def __len__(self) -> int:
        return len(self.state)

    @property
    def noise_key(self) -> str:
        """The key on which the noise of whoever acted depended; "": there is none."""
        key = self.provenance.get("key")
        return key if isinstance(key, str) else ""


def parse_episodes(text: str, total: int) -> list[int]:
    """The episodes that a text like "3,7-9" names, in the order given and each once.

    Raises:
        PraxiaError: not of that form, or an episode beyond total - 1.
    """
    numbers: dict[int, None] = {}
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", item)
        if match is None:
            raise PraxiaError(f"expected episode numbers like 3,7-9, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise PraxiaError(f"expected a rising range of episodes, got {item.strip()!r}")
        if last >= total:
            raise PraxiaError(f"there is no episode {last}: the data set has episodes 0 to {total - 1}")
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def format_episodes(numbers: Sequence[int] | Int64[np.ndarray, " K"]) -> str:
    """The shortest text that names these episodes, which are in rising order."""
    rising = np.asarray(numbers, dtype=np.int64)
    if len(rising) == 0:
        return ""
    runs = np.split(rising, np.flatnonzero(np.diff(rising) > 1) + 1)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
