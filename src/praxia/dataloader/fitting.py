"""Statistics of the rows to train on, and the transforms that are fitted to them. meta/stats.json plays no role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError
from praxia.data.features import feature_dim_names, field_dim_names
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.action_chunks import chunk_statistics
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.statistics.running import FeatureStats, RunningStats
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normalisation
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import PromptTokenizer, TextTokenizer

__all__ = ["EmbodimentStatistics", "compute_statistics", "fit_embodiments", "fit_transforms", "names_by_feature"]


@dataclass(frozen=True)
class EmbodimentStatistics:
    """Statistics of one embodiment's windows by feature ("observation.state", "action"): per data set, and combined.

    Actions are as the policy sees them before they are normalised: with `relative`, those of all chunks, relative to
    the state.
    """

    per_dataset: tuple[dict[str, FeatureStats], ...]
    combined: dict[str, FeatureStats]
    relative: RelativeActions | None

    def fit(self, normalisation: Normalisation = "quantiles") -> EmbodimentTransforms:
        """Normalisers for the rows of every data set and of all, whatever their weights.

        With quantiles the range of [-1, 1] covers 1% to 99% of each.
        """
        every = (*self.per_dataset, self.combined)
        fitted = EmbodimentTransforms.fit(every, normalisation)
        if self.relative is None:
            return fitted
        return fitted.with_relative(
            self.relative, *(one[ACTION] for one in every if ACTION in one), normalisation=normalisation
        )


def compute_statistics(
    entries: Sequence[Windows], relative: Mapping[str, RelativeActions]
) -> dict[str, EmbodimentStatistics]:
    """Statistics of the rows to train on by embodiment; `relative` are its actions relative to the state, if any.

    Raises:
        MismatchError: every episode is shorter than a step, or all data of an embodiment are read without actions.
        DataError: a number that is not finite.
    """
    found: dict[str, EmbodimentStatistics] = {}
    for name in dict.fromkeys(entry.embodiment.name for entry in entries):
        own = [_statistics(entry, relative) for entry in entries if entry.embodiment.name == name]
        described = [{feature: one.describe() for feature, one in rows.items()} for rows in own]
        merged: dict[str, RunningStats] = {}
        for feature, one in ((feature, one) for rows in own for feature, one in rows.items()):
            if feature in merged:
                merged[feature].merge(one)
            merged.setdefault(feature, one)
        if ACTION not in merged:
            raise MismatchError(
                f'expected a data set with actions of embodiment {name!r}, got none: each is read with "actions" false'
            )
        combined = {feature: one.describe() for feature, one in merged.items()}
        found[name] = EmbodimentStatistics(tuple(described), combined, relative.get(name))
    return found


def _statistics(entry: Windows, relative: Mapping[str, RelativeActions]) -> dict[str, RunningStats]:
    found, name = entry.statistics(), entry.embodiment.name
    if name not in relative or ACTION not in found:
        return found
    return {**found, ACTION: chunk_statistics([entry], relative)[name]}


def fit_embodiments(
    windows: Mixture, statistics: Mapping[str, EmbodimentStatistics], normalisation: Normalisation = "quantiles"
) -> tuple[EmbodimentTransforms, ...]:
    """Each embodiment's transforms, fitted to the statistics of these windows."""
    return tuple(statistics[embodiment.name].fit(normalisation) for embodiment in windows.embodiments)


def fit_transforms(
    windows: Mixture,
    statistics: Mapping[str, EmbodimentStatistics],
    tokenizer: PromptTokenizer | None = None,
    *,
    all_texts: bool = True,
    normalisation: Normalisation = "quantiles",
) -> Transforms:
    """The embodiments' transforms, and the `tokenizer`; None: one is fitted on the data's instructions.

    Those are of all episodes of the data sets or, with `all_texts` False, of these windows alone.
    """
    texts = [
        text for entry in windows.entries for text in (entry.dataset.instructions if all_texts else entry.instructions)
    ]
    return Transforms(fit_embodiments(windows, statistics, normalisation), tokenizer or TextTokenizer.fit(texts))


def names_by_feature(windows: Mixture, embodiment: str) -> dict[str, list[str]]:
    """The names of the dims of an embodiment's state and action: the first data set's, or those of renamed fields.

    None where the data have no state or no actions.
    """
    entry = next(one for one in windows.entries if one.embodiment.name == embodiment)
    own, seen = entry.dataset.embodiment, entry.embodiment
    return {
        STATE: _names(entry, STATE, own.state, seen.state),
        ACTION: _names(entry, ACTION, own.action, seen.action),
    }


def _names(entry: Windows, feature: str, own: Sequence[Field], seen: Sequence[Field]) -> list[str]:
    if [one.name for one in own] != [one.name for one in seen]:
        return field_dim_names(seen)
    features = entry.dataset.info["features"]
    return feature_dim_names(feature, features[feature]) if feature in features else []
