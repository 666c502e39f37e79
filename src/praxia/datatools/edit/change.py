"""The result of an edit: which frames of which episodes of which data sets are kept, and under what names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.data.frame_files import FrameFile
from praxia.datatools.edit.computed import ComputedColumns
from praxia.datatools.edit.renaming import Renaming
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Change", "EpisodeSlice", "FileSlice"]


@dataclass(frozen=True, eq=False)
class EpisodeSlice:
    """What is kept of one source: K episodes in increasing order, and of each `length` frames from `begin` on."""

    source: SourceDataset
    episode: Int64[np.ndarray, " K"]
    begin: Int64[np.ndarray, " K"]
    length: Int64[np.ndarray, " K"]

    @classmethod
    def all_frames(
        cls, source: SourceDataset, episodes: Sequence[int] | Int64[np.ndarray, " K"] | None = None
    ) -> "EpisodeSlice":
        """Every frame of the given episodes, or of all."""
        kept = np.arange(len(source.lengths)) if episodes is None else np.unique(np.asarray(episodes, dtype=np.int64))
        return cls(source, kept, np.zeros_like(kept), source.lengths[kept])

    @cached_property
    def trimmed(self) -> Bool[np.ndarray, " K"]:
        """A mask of the episodes that lost frames."""
        return self.length < self.source.lengths[self.episode]

    def within(self, first: int, last: int) -> Int64[np.ndarray, " N"]:
        """The positions in `episode` of the kept episodes among `first` to `last` of the source."""
        return np.arange(*np.searchsorted(self.episode, [first, last + 1]))


@dataclass(frozen=True)
class Change:
    """A new data set: its parts one after the other. `operation` is a JSON value that records the edit; its "of" takes
    the place of the sources' content hashes there.
    """

    parts: tuple[EpisodeSlice, ...]
    operation: Mapping[str, Any]
    names: Renaming = field(default_factory=Renaming)
    computed: ComputedColumns = field(default_factory=ComputedColumns)

    @property
    def info(self) -> dict[str, Any]:
        """info.json of the first source, with new names and features."""
        return self.computed.info(self.names.info(self.sources[0].info))

    @property
    def sources(self) -> list[SourceDataset]:
        return [part.source for part in self.parts]

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """The number of frames of each episode of the new data set."""
        return np.concatenate([part.length for part in self.parts])

    @cached_property
    def first_frames(self) -> Int64[np.ndarray, " E"]:
        """The index of each episode's first frame."""
        return np.cumsum(self.lengths) - self.lengths

    def number(self, part: EpisodeSlice) -> int:
        """The number in the new data set of the first episode of `part`."""
        return sum(len(before.episode) for before in self.parts[: self.parts.index(part)])

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The instructions by task_index: those that an episode still has, in the order of the sources."""
        found: dict[str, None] = {}
        for part in self.parts:
            used = {text for texts in part.source.table["tasks"].take(part.episode).to_pylist() for text in texts}
            found |= dict.fromkeys(self.names.instruction(text) for text in part.source.tasks if text in used)
        return tuple(found)

    def task_numbers(self, source: SourceDataset) -> Int64[np.ndarray, " T"]:
        """The new task_index of each instruction of `source`; -1 if no kept episode has it."""
        numbers = {text: number for number, text in enumerate(self.tasks)}
        return np.array([numbers.get(self.names.instruction(text), -1) for text in source.tasks], dtype=np.int64)


@dataclass(frozen=True)
class FileSlice:
    """K episodes with kept rows in one file: all of their kept rows, or fewer if an episode spans two files.

    `position` is the position of each episode in its part, `number` its number in the new data set, `first_frame_index`
    its first frame here, counted from its new start; `start` is that frame's row in the file and `length` the number of
    rows.
    """

    position: Int64[np.ndarray, " K"]
    number: Int64[np.ndarray, " K"]
    first_frame_index: Int64[np.ndarray, " K"]
    start: Int64[np.ndarray, " K"]
    length: Int64[np.ndarray, " K"]

    @classmethod
    def of(cls, change: Change, part: EpisodeSlice, file: FrameFile) -> "FileSlice":
        """The rows of `file` that `part` keeps."""
        positions = part.within(int(file.episode[0]), int(file.episode[-1]))
        begin = part.source.first_frames[part.episode[positions]] + part.begin[positions]
        first = np.maximum(begin, file.first_frame)
        end = np.minimum(begin + part.length[positions], file.first_frame + file.num_frames)
        some = end > first
        positions, begin, first, end = positions[some], begin[some], first[some], end[some]
        return cls(positions, change.number(part) + positions, first - begin, first - file.first_frame, end - first)

    def __len__(self) -> int:
        return len(self.position)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last episode, by their new numbers."""
        return int(self.number[0]), int(self.number[-1])

    @property
    def offset(self) -> Int64[np.ndarray, " K"]:
        """The position of each episode's first row among the concatenated rows."""
        return np.cumsum(self.length) - self.length

    @property
    def frame_indices(self) -> Int64[np.ndarray, " N"]:
        """The frame_index of every row."""
        return np.arange(int(self.length.sum())) + np.repeat(self.first_frame_index - self.offset, self.length)
