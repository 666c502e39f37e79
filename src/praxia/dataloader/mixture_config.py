"""A mixture as a value: which data sets, how each is read, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.view import View
from praxia.dataloader.windows import Windows

__all__ = ["DatasetEntry", "MixtureConfig"]

# A part that is drawn more seldom than this would make the rounds of the order long; nothing is learned from it.
LEAST_SHARE = Fraction(1, 1_000_000)

# Roots of the sizes become whole numbers on this scale, so that the last bit of a power decides nothing.
ROOT_SCALE = 2**32


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of a mixture: the folder, how it is read, which of its episodes, and how often it is drawn."""

    data: str
    view: View = field(default_factory=View)
    weight: float | None = None
    tasks: tuple[str, ...] | None = None
    episodes: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """What is said of the data set but for where it is."""
        chosen = {"weight": self.weight, "tasks": self.tasks, "episodes": self.episodes}
        given = {name: value for name, value in chosen.items() if value is not None}
        return {**self.view.to_json(), **{name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}}

    def chosen(self, dataset: Dataset, *, successful: bool) -> Int64[np.ndarray, " K"]:
        """The numbers of its episodes that are learned from.

        Raises:
            UnknownName: a task that no episode has. MismatchError: a number that no episode has.
        """
        found = dataset.select(self.tasks, successful=successful)
        if self.episodes is None:
            return found
        if beyond := [number for number in self.episodes if not 0 <= number < dataset.num_episodes]:
            raise MismatchError(f"expected episodes 0 to {dataset.num_episodes - 1} of {dataset.root}, got {beyond[0]}")
        return found[np.isin(found, self.episodes)]


@dataclass(frozen=True)
class MixtureConfig:
    """Data sets and how they are mixed. Without weights and temperature every window is as likely as any other.

    A part's `weight` is its share, relative to the others'. `temperature` T, at least 1, makes the shares proportional
    to (windows of the part)^(1/T): 1 is proportional to size, and the higher, the more even. `rate_hz` is that of the
    windows' steps; None: that of the data, if all have one. `sizes` are (height, width) of images by camera.

    Source: sampling with a temperature, Arivazhagan et al. 2019 (arXiv 1907.05019, T = 5), for data sets in place of
    languages. mT5 (arXiv 2010.11934) writes the exponent 1/T as alpha = 0.3.

    Raises:
        PraxiaError: weights for some parts only, weights and a temperature, or none of a part.
    """

    parts: tuple[DatasetEntry, ...]
    rate_hz: float | None = None
    temperature: float | None = None
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weighted = [part.data for part in self.parts if part.weight is not None]
        if weighted and self.temperature is not None:
            raise PraxiaError("expected weights or a temperature, got both; leave one of them out")
        if weighted and len(weighted) < len(self.parts):
            missing = next(part.data for part in self.parts if part.weight is None)
            raise PraxiaError(
                f"expected a weight for all parts or for none, got one for {weighted[0]} but none for {missing}"
            )

    @classmethod
    def of(cls, folders: Sequence[str | Path]) -> "MixtureConfig":
        """Data sets as they are."""
        return cls(tuple(DatasetEntry(str(folder)) for folder in folders))

    def to_json(self) -> dict[str, Any] | None:
        """All but where the data sets are; None: they are read as they are, each window as likely as any other."""
        parts = [part.to_json() for part in self.parts]
        sizes = {name: list(size) for name, size in self.sizes.items()}
        whole = {"rate_hz": self.rate_hz, "temperature": self.temperature, "sizes": sizes}
        given = {name: value for name, value in whole.items() if value}
        return {**given, "parts": parts} if given or any(parts) else None

    def open(self, window: Window, *, successful: bool = True, cache_bytes: int | None = None) -> Mixture:
        """The mixture's windows. `cache_bytes` is for the decoded images of all data sets, in proportion to theirs.

        Raises:
            MismatchError: data sets that do not fit each other or the window, naming both.
            UnknownName: a name that a data set does not have. DataError: a data set without an episode to learn from.
        """
        datasets = _opened([part.data for part in self.parts], cache_bytes)
        views = self._views(window, datasets)
        windows = [
            Windows(dataset, window, part.chosen(dataset, successful=successful), view)
            for part, dataset, view in zip(self.parts, datasets, views, strict=True)
        ]
        return Mixture(windows, self.weights([len(one) for one in windows]))

    def weights(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """Whole numbers in proportion to the parts' shares; None: in proportion to their `sizes`.

        Raises:
            PraxiaError: a part has less than a millionth of all.
        """
        if len(sizes) == 1:
            return None
        if self.parts[0].weight is not None:
            # As it was written: 0.1 is a tenth.
            exact = [Fraction(str(part.weight)) for part in self.parts]
        elif self.temperature is not None and self.temperature != 1:
            roots = [(size / max(sizes)) ** (1 / self.temperature) for size in sizes]
            exact = [Fraction(round(root * ROOT_SCALE)) for root in roots]
        else:
            return None
        for part, one in zip(self.parts, exact, strict=True):
            if one < LEAST_SHARE * sum(exact):
                raise PraxiaError(f"{part.data} has less than a millionth of the mixture; raise its weight or drop it")
        scale = lcm(*(one.denominator for one in exact))
        return tuple(int(one * scale) for one in exact)

    def _views(self, window: Window, datasets: Sequence[Dataset]) -> list[View]:
        """The parts' views at the mixture's rate and sizes. A camera that a part has not is as large as another's."""
        views = [replace(part.view, rate_hz=self.rate_hz, sizes=self.sizes) for part in self.parts]
        embodiments = [view.embodiment(dataset) for view, dataset in zip(views, datasets, strict=True)]
        known = {
            one.name: (one.height, one.width) for embodiment in reversed(embodiments) for one in embodiment.cameras
        }
        for name in self.sizes:
            if name not in known and not any(name in view.cameras for view in views):
                raise UnknownName("camera of sizes", name, known, "praxia data mix DIR[,DIR...]")
        for name in window.cameras:
            if name not in known and all(view.source_of(name) is None for view in views):
                raise MismatchError(
                    f"the window asks for image.{name}, and no data set of the mixture has such a camera; "
                    "choose another recipe"
                )
        return [
            replace(view, sizes={**self.sizes, **{name: known[name] for name in known if view.source_of(name) is None}})
            for view in views
        ]


def _opened(roots: Sequence[str], cache_bytes: int | None) -> list[Dataset]:
    datasets = [Dataset(root) for root in roots]
    if cache_bytes is not None:
        frames = sum(dataset.num_frames for dataset in datasets)
        for dataset in datasets:
            dataset.cache_bytes = cache_bytes * dataset.num_frames // frames
    return datasets
