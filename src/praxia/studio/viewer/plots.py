"""The plots of a data set's numbers: one plot per named field of the embodiment, one line per dim."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset
from praxia.data.features import declared_dim_names

__all__ = ["FieldPlot", "encode_numbers", "incomplete_features", "plots_of", "success_frames"]

_REWARD = "next.reward"
_SUCCESS = "next.success"


@dataclass(frozen=True)
class FieldPlot:
    """Consecutive dims of a feature, starting at dim `first`, that form one field. `field` declares range and unit."""

    feature: str
    group: str
    first: int
    field: Field
    names: tuple[str, ...]

    @property
    def unit(self) -> str:
        """The unit to display; empty for dimensionless numbers, which declare "1"."""
        return "" if self.field.unit == "1" else self.field.unit

    def rows(self, dataset: Dataset) -> Shaped[np.ndarray, "N D"]:
        """These dims in every frame of the data set."""
        return dataset.column(self.feature)[:, self.first : self.first + self.field.size]

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """What the page needs to draw the plot; `spans` are the extreme finite values in the whole data set."""
        return {
            "feature": self.feature,
            "group": self.group,
            "first": self.first,
            "names": self.names,
            "name": self.field.name,
            "kind": self.field.kind,
            "unit": self.unit,
            "low": self.field.low,
            "high": self.field.high,
            "spans": [_span(values) for values in self.rows(dataset).T],
        }


def plots_of(dataset: Dataset) -> tuple[FieldPlot, ...]:
    """Plots of actions, states and rewards, then of every other float vector in the order of the data set.

    In a data set from another writer each vector is one field without unit or range. Executed actions that equal the
    actions are omitted, and so are the features that `incomplete_features` names.
    """
    embodiment, features = dataset.embodiment, dataset.info["features"]
    known = {"action": embodiment.action, "observation.state": embodiment.state, "action.executed": embodiment.action}
    incomplete = incomplete_features(dataset)
    executed = "action.executed" in features and "action.executed" not in incomplete
    if executed and np.array_equal(dataset.column("action"), dataset.column("action.executed")):
        features = {name: feature for name, feature in features.items() if name != "action.executed"}
    plots = []
    for feature in [name for name in _drawn(features) if name not in incomplete]:
        plots += _plots_of(feature, features[feature], known.get(feature) if dataset.written_by_praxia else None)
    return tuple(plots)


def incomplete_features(dataset: Dataset) -> list[str]:
    """Features other than states and actions that are not drawn because numbers are missing or not finite."""
    others = [name for name in _drawn(dataset.info["features"]) if name not in ("action", "observation.state")]
    return [name for name in others if not dataset.has_finite(name)]


def encode_numbers(dataset: Dataset, plots: Sequence[FieldPlot], episode: int) -> dict[str, str]:
    """An episode's rows by feature: little-endian float32, frame after frame, as base64."""
    rows = slice(dataset.episodes.first[episode], dataset.episodes.first[episode] + dataset.episodes.length[episode])
    features = dict.fromkeys(plot.feature for plot in plots)
    return {name: b64encode(dataset.column(name)[rows].astype("<f4").tobytes()).decode() for name in features}


def success_frames(dataset: Dataset, episode: int) -> list[int] | None:
    """The frames whose step was a success; None if the data set does not record it."""
    if not dataset.has_finite(_SUCCESS):
        return None
    first, length = dataset.episodes.first[episode], dataset.episodes.length[episode]
    return np.flatnonzero(dataset.column(_SUCCESS)[first : first + length, 0]).tolist()


def _plots_of(feature: str, declared: Mapping[str, Any], fields: Sequence[Field] | None) -> Iterator[FieldPlot]:
    group = feature.removeprefix("observation.").removeprefix("next.")
    size = int(np.prod(declared["shape"]))
    names, first = declared_dim_names(declared) or tuple(map(str, range(size))), 0
    for field in fields or (Field(group, size, "position", ""),):
        own = [name.removeprefix(f"{field.name}.") for name in names[first : first + field.size]]
        yield FieldPlot(feature, group, first, field, tuple(own) if field.size > 1 else (field.name,))
        first += field.size


def _drawn(features: Mapping[str, Any]) -> list[str]:
    """The features to draw, in order."""
    first = [name for name in ("action", "observation.state", _REWARD) if name in features]
    return [*first, *(name for name in features if name not in first and _is_vector(name, features[name]))]


def _is_vector(name: str, declared: Mapping[str, Any]) -> bool:
    return str(declared["dtype"]).startswith("float") and len(declared["shape"]) == 1 and name != "timestamp"


def _span(values: Shaped[np.ndarray, " N"]) -> list[float] | None:
    finite = values[np.isfinite(values)]
    return [float(finite.min()), float(finite.max())] if len(finite) else None
