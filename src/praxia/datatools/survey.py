"""What `praxia data stats DIR ...` says: the numbers of data sets, embodiment by embodiment, and what is suspicious in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from praxia.core.dims import named_otherwise
from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.data.features import INDEX_FEATURES, dim_names, dims_of
from praxia.data.stats import Statistics
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.action_chunks import blind_windows, chunk_statistics
from praxia.dataloader.embodiment_match import other_numbers
from praxia.datatools.statistics_warnings import find_warnings
from praxia.transforms.relative import Relative

__all__ = ["survey"]

EXECUTED = "action.executed"
MAX_ROWS = 1 << 17


def survey(
    data: Sequence[tuple[Dataset, Sequence[int] | Int64[np.ndarray, " _"]]],
    horizon: int | None = None,
    relative: Mapping[str, Relative] | None = None,
) -> dict[str, Any]:
    """Statistics of every measured feature of the given episodes, by embodiment; data sets of one embodiment count as one.

    With `horizon`, "action" holds the actions as a policy sees them (`chunk_statistics`; `relative` is as there): of
    all chunks, before they are normalised. No video is opened.

    Returns {embodiments: {name: {data, episodes, frames, horizon, relative, features}}, warnings}. A feature has the
    entries of meta/stats.json (std is the population's) and `dims`, their names, and `rank_error`, the share of the
    ranks by which a quantile may be off: 0 up to a million rows. A warning has embodiment, feature, dim, kind, text.

    Raises:
        MismatchError: data sets of one embodiment whose numbers mean different things.
        DataError: no episodes, or a number that is not finite, naming data set, episode and frame.
    """
    embodiments: dict[str, list[tuple[Dataset, np.ndarray]]] = {}
    for dataset, episodes in data:
        chosen = np.asarray(episodes, dtype=np.int64)
        if not len(chosen):
            raise DataError(
                f"expected an episode to count in {dataset.root}, got none; see `praxia info {dataset.root}`"
            )
        embodiments.setdefault(dataset.embodiment.name, []).append((dataset, chosen))
    found, warnings = {}, []
    for name, own in embodiments.items():
        told = (relative or {}).get(name)
        found[name] = _embodiment(own, horizon, told)
        for feature in _lacking(own):
            text = "not counted, for not all of its values are there and finite; training does not read it"
            warnings.append(
                {"embodiment": name, "feature": feature, "dim": feature, "kind": "not-finite", "text": text}
            )
        fields = _fields(own[0][0].embodiment, told if horizon else None)
        for feature, described in found[name]["features"].items():
            values = {key: value for key, value in described.items() if key not in ("dims", "rank_error")}
            for trap in find_warnings(values, described["dims"], fields.get(feature, ())):
                warnings.append({"embodiment": name, "feature": feature, **asdict(trap)})
    return {"embodiments": found, "warnings": warnings}


def _embodiment(
    data: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]], horizon: int | None, relative: Relative | None
) -> dict[str, Any]:
    """The entry of one embodiment."""
    first = data[0][0]
    lacking = _lacking(data)
    names = {feature: dims for feature, dims in _measured(first).items() if feature not in lacking}
    for (one, _), (other, _) in combinations(data, 2):
        _expect_alike(one, other)
    statistics = {feature: Statistics() for feature in names}
    if horizon is not None:
        embodiment = first.embodiment.name
        told = {} if relative is None else {embodiment: relative}
        statistics[ACTION] = chunk_statistics(blind_windows(data, horizon), told)[embodiment]
    for dataset, episodes in data:
        for feature in names:
            if feature != ACTION or horizon is None:
                for rows in _rows(dataset, feature, episodes):
                    statistics[feature].add(rows)
    features = {}
    for feature, dims in names.items():
        described = statistics[feature].describe()
        share = statistics[feature].rank_error / described["count"][0]
        features[feature] = {"dims": dims, **described, "rank_error": share}
    return {
        "data": [str(dataset.root) for dataset, _ in data],
        "episodes": sum(len(episodes) for _, episodes in data),
        "frames": int(sum(dataset.episodes.length[episodes].sum() for dataset, episodes in data)),
        "horizon": horizon,
        "relative": [names[ACTION][dim] for dim in relative.action] if relative and horizon else [],
        "features": features,
    }


def _measured(dataset: Dataset) -> dict[str, list[str]]:
    """The features that hold measured numbers or commands, each with the names of its dims."""
    return {
        name: dims_of(name, feature)
        for name, feature in dataset.info["features"].items()
        if feature["dtype"].startswith("float") and name not in INDEX_FEATURES and not name.startswith("next.")
    }


def _lacking(data: Sequence[tuple[Dataset, Int64[np.ndarray, " _"]]]) -> list[str]:
    """Measured features beside the state and the action of which a data set does not hold every number."""
    beside = [feature for feature in _measured(data[0][0]) if feature not in (STATE, ACTION)]
    return [feature for feature in beside if not all(dataset.complete(feature) for dataset, _ in data)]


def _rows(dataset: Dataset, feature: str, episodes: Int64[np.ndarray, " K"]) -> Iterator[Shaped[np.ndarray, "N D"]]:
    """A feature of all frames of the given episodes, some at a time."""
    column, of = dataset.column(feature), dataset.episodes
    ends = of.first[episodes] + of.length[episodes]
    frames = np.concatenate([np.arange(a, b) for a, b in zip(of.first[episodes], ends, strict=True)])
    for at in range(0, len(frames), MAX_ROWS):
        rows = column[frames[at : at + MAX_ROWS]]
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            bad = int(frames[at + int(np.argmin(finite))])
            place = int(np.argmax((of.first[episodes] <= bad) & (bad < ends)))
            raise DataError(
                f"{dataset.root} has a {feature!r} that is not finite in frame {bad - of.first[episodes[place]]} of"
                f" episode {episodes[place]}; nothing could learn from it: record the episode anew or leave it out"
            )
        yield rows


def _fields(embodiment: Embodiment, relative: Relative | None) -> dict[str, Sequence[Field]]:
    """What is declared about the dims of the features that the embodiment has."""
    action = embodiment.action if relative is None else relative.fields(embodiment.action)
    return {STATE: embodiment.state, ACTION: action, EXECUTED: embodiment.action}


def _expect_alike(one: Dataset, other: Dataset) -> None:
    """One kind of numbers, and no dim with two names."""
    mine, theirs = _sizes(one), _sizes(other)
    fields = [(own.embodiment.state, own.embodiment.action) for own in (one, other)]
    embodiment = one.embodiment.name
    if mine != theirs or fields[0] != fields[1]:
        raise other_numbers(embodiment, one.root, other.root)
    for name in mine:
        if found := named_otherwise(name, *(dim_names(own.info["features"][name]) for own in (one, other))):
            raise other_numbers(embodiment, one.root, other.root, found)


def _sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(dims) for name, dims in _measured(dataset).items()}
