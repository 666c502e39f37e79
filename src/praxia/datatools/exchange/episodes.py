"""Episodes"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset

__all__ = ["Exported", "Recorded", "Report", "dims", "recorded"]

# Called after each episode with those done, those planned, and a text for people.
Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Exported:
    """What did not fit: `lost` has no place in the format, `filled` was made up because readers need it."""

    lost: Sequence[str]
    filled: Mapping[str, str]


@dataclass(frozen=True)
class Recorded:
    """One episode of N steps in a data set. `record` is its line of praxia/episodes.jsonl, empty if not ours."""

    dataset: Dataset
    number: int

    @property
    def rows(self) -> slice:
        first = int(self.dataset.episodes.first[self.number])
        return slice(first, first + len(self))

    def __len__(self) -> int:
        return int(self.dataset.episodes.length[self.number])

    @property
    def record(self) -> Mapping[str, Any]:
        return self.dataset.records[self.number] if self.dataset.ours else {}

    def has(self, feature: str) -> bool:
        return self.dataset.complete(feature)

    def column(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        return self.dataset.column(feature)[self.rows]

    def images(self, camera: str) -> UInt8[np.ndarray, "N Y X 3"]:
        return self.dataset.decode(camera, np.arange(self.rows.start, self.rows.stop))


def recorded(dataset: Dataset, report: Report) -> Iterator[Recorded]:
    """Every episode in turn."""
    for number in range(dataset.num_episodes):
        yield Recorded(dataset, number)
        report(number + 1, dataset.num_episodes, "episodes")


def dims(values: Float32[np.ndarray, "N D"], fields: Sequence[Field]) -> Iterator[tuple[Field, np.ndarray]]:
    """Each field with its dims of `values`."""
    first = 0
    for part in fields:
        yield part, values[:, first : first + part.size]
        first += part.size
