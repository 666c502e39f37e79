"""What is kept of the rows of one file."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from praxia.data.placement import PlacedFile
from praxia.datatools.edit.change import Change, EpisodeSlice

__all__ = ["Piece"]


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
