"""Several data sets as one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, combinations
from shlex import quote

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import DimNameDifference, Embodiment, Field, dim_name_difference
from praxia.core.errors import MismatchError
from praxia.core.files import AnyPath
from praxia.core.types import Samples
from praxia.dataloader.order import WeightedOrder, batch_indices
from praxia.dataloader.windows import Windows

__all__ = ["Mixture", "embodiment_mismatch"]


class Mixture:
    """The windows of every part, one part after the other: len() windows.

    `weights` are the parts' shares as whole numbers (`mixing.mix`); None: each window is as likely as any other.
    `embodiments` are the embodiments in the order in which the parts bring them; data sets of one embodiment share its number.
    States and actions are padded with zeros to the largest embodiment's.

    Raises:
        MismatchError: data sets that differ in their rate, in the size of an image that the window asks for, or in
            what the state or action of one embodiment means, naming both.
    """

    def __init__(self, parts: Sequence[Windows], weights: tuple[int, ...] | None = None):
        for one, other in combinations(parts, 2):
            _expect_alike(one, other)
            if one.embodiment.name == other.embodiment.name:
                _expect_one_embodiment(one, other)
        by_name = dict.fromkeys(part.embodiment.name for part in parts)
        self.parts = tuple(parts)
        self.window = parts[0].window
        self.embodiments: tuple[Embodiment, ...] = tuple(_embodiment_of(name, parts) for name in by_name)
        self._embodiment_of = np.array([list(by_name).index(part.embodiment.name) for part in parts], dtype=np.int64)
        self._first = np.array([0, *accumulate(len(part) for part in parts)], dtype=np.int64)
        self._weights = weights
        self._order = WeightedOrder(tuple(map(len, parts)), weights) if weights else None

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def shares(self) -> list[float]:
        """By part, how many of the positions of the order are its own: they add up to 1."""
        weights = self._weights or [len(part) for part in self.parts]
        return [weight / sum(weights) for weight in weights]

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The windows of batch `step`: a pure function of its arguments, with or without weights (`data.order`)."""
        if self._order is None:
            return batch_indices(seed, step, batch_size, len(self))
        return self._order.batch(seed, step, batch_size)

    def read(self, indices: Int64[np.ndarray, " B"], *, with_images: bool = True) -> Samples:
        """The windows with the given numbers, in that order, in declared units. `with_images` False: `images` is empty."""
        of_part = self.part_of(indices)
        parts = np.unique(of_part)
        rows = [np.flatnonzero(of_part == part) for part in parts]
        found = [
            self.parts[part].read(indices[at] - self._first[part], with_images=with_images)
            for part, at in zip(parts, rows, strict=True)
        ]

        def rejoin(arrays: Sequence[np.ndarray]) -> np.ndarray:
            if len(arrays) == 1:  # a whole batch from one data set needs no copy
                return arrays[0]
            whole = np.empty((len(indices), *arrays[0].shape[1:]), dtype=arrays[0].dtype)
            for at, array in zip(rows, arrays, strict=True):
                whole[at] = array
            return whole

        state_dim = max(embodiment.state_dim for embodiment in self.embodiments)
        action_dim = max(embodiment.action_dim for embodiment in self.embodiments)
        return Samples(
            images={name: rejoin([one.images[name] for one in found]) for name in found[0].images},
            image_valid={name: rejoin([one.image_valid[name] for one in found]) for name in self.window.cameras},
            state=rejoin([_padded(one.state, state_dim) for one in found]),
            state_valid=rejoin([one.state_valid for one in found]),
            instruction=tuple(rejoin([np.array(one.instruction, dtype=object) for one in found])),
            embodiment=self._embodiment_of[of_part],
            action=rejoin([_padded(one.action, action_dim) for one in found if one.action is not None]),
            action_valid=rejoin([one.action_valid for one in found if one.action_valid is not None]),
        )

    def frames_of(self, indices: Int64[np.ndarray, " B"]) -> list[tuple[str, int, int]]:
        """(data set, episode, frame in it) of each window's present, for messages."""
        of_part, found = self.part_of(indices), []
        for number, index in zip(indices, of_part, strict=True):
            ((episode, frame),) = self.parts[index].frames_of(np.array([number - self._first[index]]))
            found.append((str(self.parts[index].root), episode, frame))
        return found

    def part_of(self, indices: Int64[np.ndarray, " B"]) -> Int64[np.ndarray, " B"]:
        """The number of the part of each window."""
        return np.searchsorted(self._first, indices, side="right") - 1


def _padded(value: Float32[np.ndarray, "B T D"], dims: int) -> Float32[np.ndarray, "B T E"]:
    return np.pad(value, ((0, 0), (0, 0), (0, dims - value.shape[-1]))) if value.shape[-1] < dims else value


def _expect_alike(one: Windows, other: Windows) -> None:
    """What every row of a batch shares."""
    hz = [f"{part.embodiment.control_hz:g} Hz" for part in (one, other)]
    values = [("control rate", *hz, '"rate_hz"')]
    for name in one.window.cameras:
        ours, theirs = (_size(part.embodiment, name) for part in (one, other))
        if ours and theirs:  # a camera that one of them has not is as large as needed
            values.append((f"size of {name!r}", ours, theirs, '"sizes"'))
    for what, ours, theirs, key in values:
        if ours != theirs:
            raise MismatchError(
                f"expected data sets of one {what}, got {ours} in {one.root} and {theirs} in {other.root}; "
                f"say which in a mixture file, {key} (see `praxia data mix --help`)"
            )


def _expect_one_embodiment(one: Windows, other: Windows) -> None:
    """An embodiment's name is what a policy is later bound by, so it must mean one thing."""
    for what in ("state", "action"):
        if _meaning(one, what, other) != _meaning(other, what, one):
            raise MismatchError(
                f"embodiment {one.embodiment.name!r} has another {what} in {one.root} than in {other.root}; see "
                "`praxia info` on both, and rename fields or one of the embodiments in a mixture file"
            )
    if found := dim_name_difference(one.embodiment, other.embodiment):
        raise embodiment_mismatch(one.embodiment.name, one.root, other.root, found)


def _meaning(part: Windows, what: str, other: Windows) -> tuple[Field, ...]:
    """The fields of a vector. Of data sets of two rates, the ranges of deltas say how far each goes in its own step."""
    fields = getattr(part.embodiment, what)
    if part.dataset.fps == other.dataset.fps:
        return fields
    return tuple(replace(one, low=None, high=None) if one.kind == "delta" else one for one in fields)


def _embodiment_of(name: str, parts: Sequence[Windows]) -> Embodiment:
    """The embodiment of that name with every camera that one of its data sets has, and the names that one has for dims."""
    embodiments = [part.embodiment for part in parts if part.embodiment.name == name]
    named = {
        what: _named(tuple(getattr(embodiment, what) for embodiment in embodiments)) for what in ("state", "action")
    }
    cameras = {camera.name: camera for embodiment in reversed(embodiments) for camera in reversed(embodiment.cameras)}
    return replace(embodiments[0], **named, cameras=tuple(reversed(cameras.values())))


def _named(vectors: Sequence[tuple[Field, ...]]) -> tuple[Field, ...]:
    """One vector as several data sets declare it, each field by the first that names its dims."""
    return tuple(next((one for one in same if one.dims), same[0]) for same in zip(*vectors, strict=True))


def _size(embodiment: Embodiment, camera: str) -> str | None:
    return next((f"{one.height}x{one.width}" for one in embodiment.cameras if one.name == camera), None)


def embodiment_mismatch(
    embodiment: str, one: AnyPath, other: AnyPath, found: DimNameDifference | None = None
) -> MismatchError:
    """The error of two data sets of one embodiment with other numbers, and what makes them fit."""
    what = f": {found.text}" if found else ""
    way = (
        "see `praxia data stats` on each and give one of the embodiments another name, or its fields, in a mixture file"
    )
    if found and found.reordered:
        command = f"praxia data edit reorder {quote(str(other))} --like {quote(str(one))} --out NEW"
        way = f"`{command}` gives both one order"
    return MismatchError(f"embodiment {embodiment!r} has other numbers in {one} than in {other}{what}; {way}")
