"""Several data sets, of one embodiment or of several, read as one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, combinations
from shlex import quote

import numpy as np
from jaxtyping import Float32, Float64, Int64

from praxia.core.embodiment import DimNameDifference, Embodiment, Field, dim_name_difference
from praxia.core.errors import MismatchError
from praxia.core.files import AnyPath
from praxia.core.window import Samples
from praxia.dataloader.order import WeightedOrder, batch_indices
from praxia.dataloader.windows import Windows

__all__ = ["Mixture", "embodiment_mismatch"]


class Mixture:
    """The windows of every entry, numbered one entry after the other: len() windows.

    `weights` are the entries' shares as whole numbers (`MixtureConfig.weights`); None: every window is equally likely.
    `embodiments` are in the order in which the entries introduce them; data sets of one embodiment share its number.
    States and actions are padded with zeros to the largest embodiment's.

    Raises:
        MismatchError: data sets that differ in their rate, in the size of an image or the shape of extras or
            streams that the window needs, or in what the state or action of one embodiment means; names both.
    """

    def __init__(self, entries: Sequence[Windows], weights: tuple[int, ...] | None = None):
        for one, other in combinations(entries, 2):
            _expect_compatible(one, other)
            if one.embodiment.name == other.embodiment.name:
                _expect_same_embodiment(one, other)
        by_name = dict.fromkeys(entry.embodiment.name for entry in entries)
        self.entries = tuple(entries)
        self.window = entries[0].window
        self.embodiments: tuple[Embodiment, ...] = tuple(_combined_embodiment(name, entries) for name in by_name)
        self._embodiment_of = np.array([list(by_name).index(entry.embodiment.name) for entry in entries], np.int64)
        self._first = np.array([0, *accumulate(len(entry) for entry in entries)], dtype=np.int64)
        self._weights = weights
        self._order = WeightedOrder(tuple(map(len, entries)), weights) if weights else None

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def shares(self) -> list[float]:
        """Each entry's share of the rows that training reads; they add up to 1."""
        weights = self._weights or [len(entry) for entry in self.entries]
        return [weight / sum(weights) for weight in weights]

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The windows of batch `step`: a pure function of its arguments (`praxia.dataloader.order`)."""
        if self._order is None:
            return batch_indices(seed, step, batch_size, len(self))
        return self._order.batch(seed, step, batch_size)

    def read(
        self,
        indices: Int64[np.ndarray, " B"],
        drawn: Float64[np.ndarray, " B"] | None = None,
        *,
        with_images: bool = True,
    ) -> Samples:
        """The windows with the given numbers, in that order, in declared units; see `Windows.read`."""
        of_entry = self.entry_of(indices)
        entries = np.unique(of_entry)
        rows = [np.flatnonzero(of_entry == entry) for entry in entries]
        found = [
            self.entries[entry].read(
                indices[at] - self._first[entry], None if drawn is None else drawn[at], with_images=with_images
            )
            for entry, at in zip(entries, rows, strict=True)
        ]

        def rejoin(arrays: Sequence[np.ndarray]) -> np.ndarray:
            if len(arrays) == 1:  # a whole batch from one data set needs no copy
                return arrays[0]
            joined = np.empty((len(indices), *arrays[0].shape[1:]), dtype=arrays[0].dtype)
            for at, array in zip(rows, arrays, strict=True):
                joined[at] = array
            return joined

        def by_name(arrays: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
            return {name: rejoin([one[name] for one in arrays]) for name in arrays[0]}

        def optional(name: str, dim: int | None = None) -> np.ndarray | None:
            """The field `name`, its last axis padded to `dim`; None where the window does not have it."""
            arrays = [array for one in found if (array := getattr(one, name)) is not None]
            return rejoin([array if dim is None else _padded(array, dim) for array in arrays]) if arrays else None

        state_dim = max(embodiment.state_dim for embodiment in self.embodiments)
        action_dim = max(embodiment.action_dim for embodiment in self.embodiments)
        return Samples(
            images=by_name([one.images for one in found]),
            image_valid=by_name([one.image_valid for one in found]),
            state=rejoin([_padded(one.state, state_dim) for one in found]),
            state_valid=rejoin([one.state_valid for one in found]),
            instruction=tuple(rejoin([np.array(one.instruction, dtype=object) for one in found])),
            embodiment=self._embodiment_of[of_entry],
            action=optional("action", action_dim),
            action_valid=optional("action_valid"),
            target_images=by_name([one.target_images for one in found]),
            target_image_valid=by_name([one.target_image_valid for one in found]),
            target_state=optional("target_state", state_dim),
            target_state_valid=optional("target_state_valid"),
            past_action=optional("past_action", action_dim),
            past_action_valid=optional("past_action_valid"),
            reward=optional("reward"),
            terminated=optional("terminated"),
            extras=by_name([one.extras for one in found]),
            is_first=optional("is_first"),
            streams=by_name([one.streams for one in found]),
            stream_valid=by_name([one.stream_valid for one in found]),
        )

    def frames_of(self, indices: Int64[np.ndarray, " B"]) -> list[tuple[str, int, int]]:
        """(data set, episode, frame in it) of each window's present, for messages."""
        of_entry, found = self.entry_of(indices), []
        for number, index in zip(indices, of_entry, strict=True):
            ((episode, frame),) = self.entries[index].frames_of(np.array([number - self._first[index]]))
            found.append((str(self.entries[index].root), episode, frame))
        return found

    def entry_of(self, indices: Int64[np.ndarray, " B"]) -> Int64[np.ndarray, " B"]:
        """The number of the entry of each window."""
        return np.searchsorted(self._first, indices, side="right") - 1


def embodiment_mismatch(
    embodiment: str, one: AnyPath, other: AnyPath, found: DimNameDifference | None = None
) -> MismatchError:
    """The error of two data sets whose state or action differ for one embodiment, with the way to make them fit."""
    what = f": {found.text}" if found else ""
    way = (
        "see `praxia data stats` on each and give one of the embodiments another name, or its fields, in a mixture file"
    )
    if found and found.reordered:
        command = f"praxia data edit reorder {quote(str(other))} --like {quote(str(one))} --out NEW"
        way = f"`{command}` gives both one order"
    return MismatchError(f"embodiment {embodiment!r} has other numbers in {one} than in {other}{what}; {way}")


def _padded(value: Float32[np.ndarray, "B T D"], dims: int) -> Float32[np.ndarray, "B T E"]:
    return np.pad(value, ((0, 0), (0, 0), (0, dims - value.shape[-1]))) if value.shape[-1] < dims else value


def _expect_compatible(one: Windows, other: Windows) -> None:
    """Check what all rows of a batch share: rate, image sizes, the shape and kind of each of extras and streams."""
    for name in one.window.extras:
        ours, theirs = (f"{entry.extras[name].shape[1]} of {entry.extras[name].dtype}" for entry in (one, other))
        if ours != theirs:
            raise MismatchError(
                f"expected data sets of one {name!r}, got {ours} in {one.root} and {theirs} in {other.root}; leave it "
                "out of the window's extras, or one of the data sets"
            )
    for ours, theirs in zip(one.embodiment.streams, other.embodiment.streams, strict=True):
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise MismatchError(
                f"expected data sets of one stream {ours.name!r}, got {ours.description} in {one.root} and "
                f"{theirs.description} in {other.root}; leave it out of the window, or one of the data sets"
            )
    hz = [f"{entry.embodiment.control_hz:g} Hz" for entry in (one, other)]
    values = [("control rate", *hz, '"rate_hz"')]
    for name in dict.fromkeys((*one.window.cameras, *one.window.target_cameras)):
        ours, theirs = (_size(entry.embodiment, name) for entry in (one, other))
        if ours and theirs:  # a camera that one of them lacks has the other's size
            values.append((f"size of {name!r}", ours, theirs, '"sizes"'))
    for what, ours, theirs, key in values:
        if ours != theirs:
            raise MismatchError(
                f"expected data sets of one {what}, got {ours} in {one.root} and {theirs} in {other.root}; "
                f"say which in a mixture file, {key} (see `praxia data mix --help`)"
            )


def _expect_same_embodiment(one: Windows, other: Windows) -> None:
    """Check that one name means one embodiment: a policy is later bound to an embodiment by its name."""
    for what in ("state", "action"):
        if _meaning(one, what, other) != _meaning(other, what, one):
            raise MismatchError(
                f"embodiment {one.embodiment.name!r} has another {what} in {one.root} than in {other.root}; see "
                "`praxia info` on both, and rename fields or one of the embodiments in a mixture file"
            )
    if found := dim_name_difference(one.embodiment, other.embodiment):
        raise embodiment_mismatch(one.embodiment.name, one.root, other.root, found)


def _meaning(entry: Windows, what: str, other: Windows) -> tuple[Field, ...]:
    """The fields of a vector, without the ranges of deltas if the rates differ: those depend on the step's length."""
    fields = getattr(entry.embodiment, what)
    if entry.dataset.fps == other.dataset.fps:
        return fields
    return tuple(replace(one, low=None, high=None) if one.kind == "delta" else one for one in fields)


def _combined_embodiment(name: str, entries: Sequence[Windows]) -> Embodiment:
    """The embodiment of that name with the cameras of all its data sets, and with names of dims where one has them."""
    embodiments = [entry.embodiment for entry in entries if entry.embodiment.name == name]
    named = {
        what: _with_dim_names(tuple(getattr(embodiment, what) for embodiment in embodiments))
        for what in ("state", "action")
    }
    cameras = {camera.name: camera for embodiment in reversed(embodiments) for camera in reversed(embodiment.cameras)}
    return replace(embodiments[0], **named, cameras=tuple(reversed(cameras.values())))


def _with_dim_names(vectors: Sequence[tuple[Field, ...]]) -> tuple[Field, ...]:
    """The fields of one vector as several data sets declare them, each from the first that names its dims."""
    return tuple(next((one for one in same if one.dims), same[0]) for same in zip(*vectors, strict=True))


def _size(embodiment: Embodiment, camera: str) -> str | None:
    return next((f"{one.height}x{one.width}" for one in embodiment.cameras if one.name == camera), None)
