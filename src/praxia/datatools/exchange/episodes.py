"""Episodes of a data set as exporters read them, one at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset

__all__ = ["ExportEpisode", "ExportProgress", "ExportResult", "iterate_episodes", "split_fields"]

# Called after each episode with the number done, the number planned, and a message.
ExportProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ExportResult:
    """What did not fit: `lost` has no counterpart in the format, `filled` was made up because readers need it."""

    lost: Sequence[str]
    filled: Mapping[str, str]


@dataclass(frozen=True)
class ExportEpisode:
    """One episode of N steps in a data set. `record` is its line of praxia/episodes.jsonl, if there is one."""

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
        return self.dataset.records[self.number] if self.dataset.written_by_praxia else {}

    def has(self, feature: str) -> bool:
        return self.dataset.has_finite(feature)

    def column(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        return self.dataset.column(feature)[self.rows]

    def images(self, camera: str) -> UInt8[np.ndarray, "N Y X 3"]:
        return self.dataset.decode(camera, np.arange(self.rows.start, self.rows.stop))


def iterate_episodes(dataset: Dataset, report: ExportProgress) -> Iterator[ExportEpisode]:
    """Yield every episode in turn, and report progress."""
    for number in range(dataset.num_episodes):
        yield ExportEpisode(dataset, number)
        report(number + 1, dataset.num_episodes, "episodes")


def split_fields(values: Float32[np.ndarray, "N D"], fields: Sequence[Field]) -> Iterator[tuple[Field, np.ndarray]]:
    """Yield each field with its dims of `values`."""
    first = 0
    for part in fields:
        yield part, values[:, first : first + part.size]
        first += part.size
