"""Several data sets, of one body or of several, read as if they were one."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.errors import MismatchError
from praxia.core.types import Camera, Embodiment, Samples
from praxia.data.order import batch_indices
from praxia.data.windows import Windows

__all__ = ["Mixture"]


class Mixture:
    """The windows of every part, one part after the other: len() windows, each as likely as any other.

    `embodiments` are the bodies in the order in which the parts bring them; data sets of one body share its number.
    States and actions are padded with zeros to the largest body's.

    Raises:
        MismatchError: data sets that differ in their control rate, in the size of a picture that the window asks for,
            or in what the state or action of one body means, naming both.
    """

    def __init__(self, parts: Sequence[Windows]):
        for part in parts[1:]:
            _expect_alike(parts[0], part)
        by_name: dict[str, Windows] = {}
        for part in parts:
            _expect_one_body(by_name.setdefault(part.embodiment.name, part), part)
        self.parts = tuple(parts)
        self.window = parts[0].window
        self.embodiments: tuple[Embodiment, ...] = tuple(part.embodiment for part in by_name.values())
        self._body_of = np.array([list(by_name).index(part.embodiment.name) for part in parts], dtype=np.int64)
        self._first = np.array([0, *accumulate(len(part) for part in parts)], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._first[-1])

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The windows of batch `step`: a pure function of its arguments."""
        return batch_indices(seed, step, batch_size, len(self))

    def read(self, indices: Int64[np.ndarray, " B"]) -> Samples:
        """The windows with the given numbers, in that order, in declared units."""
        of_part = self._part_of(indices)
        parts = np.unique(of_part)
        rows = [np.flatnonzero(of_part == part) for part in parts]
        found = [self.parts[part].read(indices[at] - self._first[part]) for part, at in zip(parts, rows, strict=True)]

        def rejoin(arrays: Sequence[np.ndarray]) -> np.ndarray:
            if len(arrays) == 1:  # a whole batch from one data set needs no copy
                return arrays[0]
            whole = np.empty((len(indices), *arrays[0].shape[1:]), dtype=arrays[0].dtype)
            for at, array in zip(rows, arrays, strict=True):
                whole[at] = array
            return whole

        state_dim = max(body.state_dim for body in self.embodiments)
        action_dim = max(body.action_dim for body in self.embodiments)
        return Samples(
            images={name: rejoin([one.images[name] for one in found]) for name in self.window.cameras},
            image_valid={name: rejoin([one.image_valid[name] for one in found]) for name in self.window.cameras},
            state=rejoin([_padded(one.state, state_dim) for one in found]),
            state_valid=rejoin([one.state_valid for one in found]),
            instruction=tuple(rejoin([np.array(one.instruction, dtype=object) for one in found])),
            embodiment=self._body_of[of_part],
            action=rejoin([_padded(one.action, action_dim) for one in found if one.action is not None]),
            action_valid=rejoin([one.action_valid for one in found if one.action_valid is not None]),
        )

    def frames_of(self, indices: Int64[np.ndarray, " B"]) -> list[tuple[str, int, int]]:
        """(data set, episode, frame in it) of each window's present, for messages."""
        of_part, found = self._part_of(indices), []
        for number, index in zip(indices, of_part, strict=True):
            ((episode, frame),) = self.parts[index].frames_of(np.array([number - self._first[index]]))
            found.append((str(self.parts[index].root), episode, frame))
        return found

    def _part_of(self, indices: Int64[np.ndarray, " B"]) -> Int64[np.ndarray, " B"]:
        return np.searchsorted(self._first, indices, side="right") - 1


def _padded(value: Float32[np.ndarray, "B T D"], dims: int) -> Float32[np.ndarray, "B T E"]:
    return np.pad(value, ((0, 0), (0, 0), (0, dims - value.shape[-1]))) if value.shape[-1] < dims else value


def _expect_alike(one: Windows, other: Windows) -> None:
    """What every row of a batch shares."""
    values = [("control rate", f"{one.embodiment.control_hz:g} Hz", f"{other.embodiment.control_hz:g} Hz")]
    for name in one.window.cameras:
        values.append((f"size of {name!r}", _size(one.embodiment, name), _size(other.embodiment, name)))
    for what, ours, theirs in values:
        if ours != theirs:
            raise MismatchError(
                f"expected data sets of one {what}, got {ours} in {one.root} and {theirs} in {other.root}; "
                "collect one of them anew or train on them one by one"
            )


def _expect_one_body(one: Windows, other: Windows) -> None:
    """A body's name is what a policy is later bound by, so it must mean one thing."""
    for what in ("state", "action"):
        if getattr(one.embodiment, what) != getattr(other.embodiment, what):
            raise MismatchError(
                f"embodiment {one.embodiment.name!r} has another {what} in {one.root} than in {other.root}; "
                "see `praxia info` on both and give one of the bodies another name"
            )


def _size(body: Embodiment, camera: str) -> str:
    known: Camera = next(one for one in body.cameras if one.name == camera)
    return f"{known.height}x{known.width}"
