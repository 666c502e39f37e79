"""What an edit comes to: which frames of which episodes of which data sets, under what names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.datatools.edit.names import Names
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Change", "EpisodeSlice"]


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
