"""What an edit comes to"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.data.placement import PlacedFile
from praxia.datatools.edit.renaming import Names
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Change", "EpisodeSlice", "Piece"]


@dataclass(frozen=True, eq=False)
class EpisodeSlice:
    """What is kept of one source: K episodes, in rising order, and of each `length` frames from `begin` on."""

    source: SourceDataset
    episode: Int64[np.ndarray, " K"]
    begin: Int64[np.ndarray, " K"]
    length: Int64[np.ndarray, " K"]

    @classmethod
    def whole(
        cls, source: SourceDataset, episodes: Sequence[int] | Int64[np.ndarray, " K"] | None = None
    ) -> "EpisodeSlice":
        """Every frame of the given episodes, or of all."""
        kept = np.arange(len(source.lengths)) if episodes is None else np.unique(np.asarray(episodes, dtype=np.int64))
        return cls(source, kept, np.zeros_like(kept), source.lengths[kept])

    @cached_property
    def trimmed(self) -> Bool[np.ndarray, " K"]:
        """Which episodes lost frames."""
        return self.length < self.source.lengths[self.episode]

    def within(self, first: int, last: int) -> Int64[np.ndarray, " N"]:
        """Which of the kept episodes, as places in `episode`, are `first` to `last` of the source."""
        return np.arange(*np.searchsorted(self.episode, [first, last + 1]))


@dataclass(frozen=True)
class Change:
    """A new data set: its parts one after the other. `operation` is a JSON value that says how it came to be."""

    parts: tuple[EpisodeSlice, ...]
    operation: Mapping[str, Any]
    names: Names = field(default_factory=Names)

    @property
    def sources(self) -> list[SourceDataset]:
        return [part.source for part in self.parts]

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """Frames of each episode of the new data set."""
        return np.concatenate([part.length for part in self.parts])

    @cached_property
    def firsts(self) -> Int64[np.ndarray, " E"]:
        """The index of each episode's first frame."""
        return np.cumsum(self.lengths) - self.lengths

    def number(self, part: EpisodeSlice) -> int:
        """Which episode of the new data set is the first of `part`."""
        return sum(len(before.episode) for before in self.parts[: self.parts.index(part)])

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The instructions by task_index: those that an episode still has, in their sources' order."""
        found: dict[str, None] = {}
        for part in self.parts:
            used = {text for texts in part.source.table["tasks"].take(part.episode).to_pylist() for text in texts}
            found |= dict.fromkeys(self.names.instruction(text) for text in part.source.tasks if text in used)
        return tuple(found)

    def task_numbers(self, source: SourceDataset) -> Int64[np.ndarray, " T"]:
        """The new task_index of each instruction of `source`; -1 where no kept episode is said to have it."""
        places = {text: place for place, text in enumerate(self.tasks)}
        return np.array([places.get(self.names.instruction(text), -1) for text in source.tasks], dtype=np.int64)


@dataclass(frozen=True)
class Piece:
    """K episodes that have rows in one file: all they keep, or less where an episode reaches over two files.

    `place` is which of the part's episodes each is, `number` its number in the new data set, `step` its first frame
    here, counted from its new begin; `start` is that frame's row in the file and `length` how many follow.
    """

    place: Int64[np.ndarray, " K"]
    number: Int64[np.ndarray, " K"]
    step: Int64[np.ndarray, " K"]
    start: Int64[np.ndarray, " K"]
    length: Int64[np.ndarray, " K"]

    @classmethod
    def of(cls, change: Change, part: EpisodeSlice, file: PlacedFile) -> "Piece":
        """What `part` keeps of `file`."""
        places = part.within(int(file.episode[0]), int(file.episode[-1]))
        begin = part.source.firsts[part.episode[places]] + part.begin[places]
        first = np.maximum(begin, file.first_frame)
        end = np.minimum(begin + part.length[places], file.first_frame + file.num_frames)
        some = end > first
        places, begin, first, end = places[some], begin[some], first[some], end[some]
        return cls(places, change.number(part) + places, first - begin, first - file.first_frame, end - first)

    def __len__(self) -> int:
        return len(self.place)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last episode, by their new numbers."""
        return int(self.number[0]), int(self.number[-1])

    @property
    def offset(self) -> Int64[np.ndarray, " K"]:
        """Where each episode's rows begin once they stand one after the other."""
        return np.cumsum(self.length) - self.length

    @property
    def steps(self) -> Int64[np.ndarray, " N"]:
        """frame_index of every row."""
        return np.arange(int(self.length.sum())) + np.repeat(self.step - self.offset, self.length)
