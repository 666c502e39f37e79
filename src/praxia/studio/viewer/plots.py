"""What is drawn of a data set's numbers: one plot a named field of the embodiment, one line a dim."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset
from praxia.data.features import declared_dim_names

__all__ = ["Plot", "not_drawn", "numbers", "plots_of", "successes"]

REWARD = "next.reward"
_SUCCESS = "next.success"


@dataclass(frozen=True)
class Plot:
    """Some neighbouring dims of a feature, `first` of them on, that mean one thing. `field` declares range and unit."""

    feature: str
    group: str
    first: int
    field: Field
    names: tuple[str, ...]

    @property
    def unit(self) -> str:
        """In words for people: nothing for a number without one, which is declared as "1"."""
        return "" if self.field.unit == "1" else self.field.unit

    def rows(self, dataset: Dataset) -> Shaped[np.ndarray, "N D"]:
        """These dims in every frame of the data set."""
        return dataset.column(self.feature)[:, self.first : self.first + self.field.size]

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """What the page needs to draw it; `spans` are the lowest and highest finite values in the whole data set."""
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


def plots_of(dataset: Dataset) -> tuple[Plot, ...]:
    """Actions, states, rewards, then every other vector of decimal numbers that the data set has, in its own order.

    In a data set of another writer each of them is one field without unit or range. What the robot executed is left
    out where it is what the action says; so is what `not_drawn` names.
    """
    embodiment, features = dataset.embodiment, dataset.info["features"]
    known = {"action": embodiment.action, "observation.state": embodiment.state, "action.executed": embodiment.action}
    lacking = not_drawn(dataset)
    executed = "action.executed" in features and "action.executed" not in lacking
    if executed and np.array_equal(dataset.column("action"), dataset.column("action.executed")):
        features = {name: feature for name, feature in features.items() if name != "action.executed"}
    plots = []
    for feature in [name for name in _drawn(features) if name not in lacking]:
        plots += _plots_of(feature, features[feature], known.get(feature) if dataset.written_by_praxia else None)
    return tuple(plots)


def not_drawn(dataset: Dataset) -> list[str]:
    """What would be drawn beside states and actions if all of its numbers were there and finite."""
    beside = [name for name in _drawn(dataset.info["features"]) if name not in ("action", "observation.state")]
    return [name for name in beside if not dataset.has_finite(name)]


def numbers(dataset: Dataset, plots: Sequence[Plot], episode: int) -> dict[str, str]:
    """By feature, an episode's rows: float32, little-endian, frame after frame, in base64."""
    rows = slice(dataset.episodes.first[episode], dataset.episodes.first[episode] + dataset.episodes.length[episode])
    features = dict.fromkeys(plot.feature for plot in plots)
    return {name: b64encode(dataset.column(name)[rows].astype("<f4").tobytes()).decode() for name in features}


def successes(dataset: Dataset, episode: int) -> list[int] | None:
    """The frames whose step was a success; None where the data set does not say."""
    if not dataset.has_finite(_SUCCESS):
        return None
    first, length = dataset.episodes.first[episode], dataset.episodes.length[episode]
    return np.flatnonzero(dataset.column(_SUCCESS)[first : first + length, 0]).tolist()


def _plots_of(feature: str, declared: Mapping[str, Any], fields: Sequence[Field] | None) -> Iterator[Plot]:
    group = feature.removeprefix("observation.").removeprefix("next.")
    size = int(np.prod(declared["shape"]))
    names, first = declared_dim_names(declared) or tuple(map(str, range(size))), 0
    for field in fields or (Field(group, size, "position", ""),):
        own = [name.removeprefix(f"{field.name}.") for name in names[first : first + field.size]]
        yield Plot(feature, group, first, field, tuple(own) if field.size > 1 else (field.name,))
        first += field.size


def _drawn(features: Mapping[str, Any]) -> list[str]:
    """What is drawn, in that order."""
    first = [name for name in ("action", "observation.state", REWARD) if name in features]
    return [*first, *(name for name in features if name not in first and _is_vector(name, features[name]))]


def _is_vector(name: str, declared: Mapping[str, Any]) -> bool:
    return str(declared["dtype"]).startswith("float") and len(declared["shape"]) == 1 and name != "timestamp"


def _span(values: Shaped[np.ndarray, " N"]) -> list[float] | None:
    finite = values[np.isfinite(values)]
    return [float(finite.min()), float(finite.max())] if len(finite) else None
