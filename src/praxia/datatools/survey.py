"""What `praxia data stats DIR ...` reports: statistics of data sets by embodiment, and warnings about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from praxia.core.embodiment import Embodiment, Field, first_name_difference
from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.data.features import INDEX_FEATURES, declared_dim_names, feature_dim_names
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.action_chunks import chunk_statistics, windows_without_images
from praxia.dataloader.mixture import embodiment_mismatch
from praxia.datatools.statistics_warnings import find_warnings
from praxia.statistics.running import RunningStats
from praxia.transforms.relative import RelativeActions

__all__ = ["survey"]

EXECUTED = "action.executed"
MAX_ROWS = 1 << 17


def survey(
    data: Sequence[tuple[Dataset, Sequence[int] | Int64[np.ndarray, " _"]]],
    horizon: int | None = None,
    relative: Mapping[str, RelativeActions] | None = None,
) -> dict[str, Any]:
    """Statistics of every measured feature of the given episodes, by embodiment; its data sets count as one.

    With `horizon`, "action" holds the actions as a policy sees them (`chunk_statistics`, also for `relative`): of all
    chunks, before normalization. No video is opened.

    Returns {embodiments: {name: {data, episodes, frames, horizon, relative, features}}, warnings}. A feature has the
    entries of meta/stats.json (std is the population's), `dims` with their names, and `rank_error`, the fraction of the
    ranks by which a quantile may be off: 0 up to a million rows. A warning has embodiment, feature, dim, kind, text.

    Raises:
        MismatchError: data sets of one embodiment whose numbers mean different things.
        DataError: no episodes, or a number that is not finite, naming data set, episode and frame.
    """
    embodiments: dict[str, list[tuple[Dataset, np.ndarray]]] = {}
    for dataset, episodes in data:
        chosen = np.asarray(episodes, dtype=np.int64)
        if not len(chosen):
            raise DataError(f"expected an episode of {dataset.root}, got none; see `praxia info {dataset.root}`")
        embodiments.setdefault(dataset.embodiment.name, []).append((dataset, chosen))
    found, warnings = {}, []
    for name, datasets in embodiments.items():
        own_relative = (relative or {}).get(name)
        found[name] = _embodiment(datasets, horizon, own_relative)
        for feature in _incomplete_features(datasets):
            text = "not counted, because some values are missing or not finite; training does not read it"
            warnings.append(
                {"embodiment": name, "feature": feature, "dim": feature, "kind": "not-finite", "text": text}
            )
        fields = _fields(datasets[0][0].embodiment, own_relative if horizon else None)
        for feature, described in found[name]["features"].items():
            values = {key: value for key, value in described.items() if key not in ("dims", "rank_error")}
            for warning in find_warnings(values, described["dims"], fields.get(feature, ())):
                warnings.append({"embodiment": name, "feature": feature, **asdict(warning)})
    return {"embodiments": found, "warnings": warnings}


def _embodiment(
    data: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]], horizon: int | None, relative: RelativeActions | None
) -> dict[str, Any]:
    """The entry of one embodiment."""
    first = data[0][0]
    incomplete = _incomplete_features(data)
    names = {feature: dims for feature, dims in _measured_features(first).items() if feature not in incomplete}
    for (dataset, _), (other, _) in combinations(data, 2):
        _expect_same_numbers(dataset, other)
    statistics = {feature: RunningStats() for feature in names}
    if horizon is not None:
        embodiment = first.embodiment.name
        relatives = {} if relative is None else {embodiment: relative}
        statistics[ACTION] = chunk_statistics(windows_without_images(data, horizon), relatives)[embodiment]
    for dataset, episodes in data:
        for feature in names:
            if feature != ACTION or horizon is None:
                for rows in _rows(dataset, feature, episodes):
                    statistics[feature].add(rows)
    features = {}
    for feature, dims in names.items():
        described = statistics[feature].describe()
        rank_error = statistics[feature].rank_error / described["count"][0]
        features[feature] = {"dims": dims, **described, "rank_error": rank_error}
    return {
        "data": [str(dataset.root) for dataset, _ in data],
        "episodes": sum(len(episodes) for _, episodes in data),
        "frames": int(sum(dataset.episodes.length[episodes].sum() for dataset, episodes in data)),
        "horizon": horizon,
        "relative": [names[ACTION][dim] for dim in relative.action] if relative and horizon else [],
        "features": features,
    }


def _measured_features(dataset: Dataset) -> dict[str, list[str]]:
    """The features that hold measurements or commands, with the names of their dims."""
    return {
        name: feature_dim_names(name, feature)
        for name, feature in dataset.info["features"].items()
        if feature["dtype"].startswith("float") and name not in INDEX_FEATURES and not name.startswith("next.")
    }


def _incomplete_features(data: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]]) -> list[str]:
    """Measured features other than state and action with missing or non-finite values in some data set."""
    other_features = [feature for feature in _measured_features(data[0][0]) if feature not in (STATE, ACTION)]
    return [feature for feature in other_features if not all(dataset.has_finite(feature) for dataset, _ in data)]


def _rows(dataset: Dataset, feature: str, episodes: Int64[np.ndarray, " K"]) -> Iterator[Shaped[np.ndarray, "N D"]]:
    """Yield a feature of all frames of the given episodes, in blocks."""
    column, table = dataset.column(feature), dataset.episodes
    ends = table.first[episodes] + table.length[episodes]
    frames = np.concatenate([np.arange(a, b) for a, b in zip(table.first[episodes], ends, strict=True)])
    for at in range(0, len(frames), MAX_ROWS):
        rows = column[frames[at : at + MAX_ROWS]]
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            bad = int(frames[at + int(np.argmin(finite))])
            position = int(np.argmax((table.first[episodes] <= bad) & (bad < ends)))
            episode = episodes[position]
            raise DataError(
                f"{dataset.root} has a {feature!r} that is not finite in frame {bad - table.first[episode]} of"
                f" episode {episode}; training cannot use it: record the episode again or leave it out"
            )
        yield rows


def _fields(embodiment: Embodiment, relative: RelativeActions | None) -> dict[str, Sequence[Field]]:
    """The declared fields of the features that the embodiment has."""
    action = embodiment.action if relative is None else relative.fields(embodiment.action)
    return {STATE: embodiment.state, ACTION: action, EXECUTED: embodiment.action}


def _expect_same_numbers(dataset: Dataset, other: Dataset) -> None:
    """Refuse data sets with different features, or with two names for one dim."""
    mine, theirs = _sizes(dataset), _sizes(other)
    fields = [(each.embodiment.state, each.embodiment.action) for each in (dataset, other)]
    embodiment = dataset.embodiment.name
    if mine != theirs or fields[0] != fields[1]:
        raise embodiment_mismatch(embodiment, dataset.root, other.root)
    for name in mine:
        if found := first_name_difference(
            name, *(declared_dim_names(each.info["features"][name]) for each in (dataset, other))
        ):
            raise embodiment_mismatch(embodiment, dataset.root, other.root, found)


def _sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(dims) for name, dims in _measured_features(dataset).items()}
