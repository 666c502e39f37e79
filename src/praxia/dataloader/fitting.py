"""What transforms are fitted on: the rows that are trained on, counted, and nothing that a writer says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from praxia.core.embodiment import Field
from praxia.data.features import feature_dim_names, field_dim_names
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.action_chunks import chunk_statistics
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.statistics.running import FeatureStats, RunningStats
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import PromptTokenizer, TextTokenizer

__all__ = ["EmbodimentStatistics", "compute_statistics", "fit_embodiments", "fit_transforms", "names_by_feature"]


@dataclass(frozen=True)
class EmbodimentStatistics:
    """What one embodiment's windows hold, by feature ("observation.state", "action"): of each data set, and of all as one.

    Actions are as the policy sees them before they are normalised: where `relative` says so those of all chunks.
    """

    parts: tuple[dict[str, FeatureStats], ...]
    whole: dict[str, FeatureStats]
    relative: RelativeActions | None

    def fit(self) -> EmbodimentTransforms:
        """Normalisers whose range holds 1% to 99% of every data set's rows and of all, whatever their weights."""
        fitted = EmbodimentTransforms.fit((*self.parts, self.whole))
        if self.relative is None:
            return fitted
        return fitted.with_relative(self.relative, *(one[ACTION] for one in (*self.parts, self.whole)))


def compute_statistics(
    parts: Sequence[Windows], relative: Mapping[str, RelativeActions]
) -> dict[str, EmbodimentStatistics]:
    """By embodiment, what is trained on. `relative` says by its name which actions are relative to the state.

    Raises:
        MismatchError: no episode is as long as a step. DataError: a number that is not finite.
    """
    found: dict[str, EmbodimentStatistics] = {}
    for name in dict.fromkeys(part.embodiment.name for part in parts):
        own = [_rows(part, relative) for part in parts if part.embodiment.name == name]
        described = [{feature: one.describe() for feature, one in rows.items()} for rows in own]
        whole = described[0]
        if len(own) > 1:
            for feature in whole:
                for rows in own[1:]:
                    own[0][feature].merge(rows[feature])
            whole = {feature: one.describe() for feature, one in own[0].items()}
        found[name] = EmbodimentStatistics(tuple(described), whole, relative.get(name))
    return found


def _rows(part: Windows, relative: Mapping[str, RelativeActions]) -> dict[str, RunningStats]:
    found, name = part.statistics(), part.embodiment.name
    return {**found, ACTION: chunk_statistics([part], relative)[name]} if name in relative else found


def fit_embodiments(windows: Mixture, counted: Mapping[str, EmbodimentStatistics]) -> tuple[EmbodimentTransforms, ...]:
    """Each embodiment's transforms, of what was counted of these windows."""
    return tuple(counted[embodiment.name].fit() for embodiment in windows.embodiments)


def fit_transforms(
    windows: Mixture, counted: Mapping[str, EmbodimentStatistics], words: PromptTokenizer | None = None
) -> Transforms:
    """The embodiments' transforms, and the words that a model brings or the data's own."""
    texts = [text for part in windows.parts for text in part.dataset.instructions]
    return Transforms(fit_embodiments(windows, counted), words or TextTokenizer.fit(texts))


def names_by_feature(windows: Mixture, embodiment: str) -> dict[str, list[str]]:
    """The names of the dims of an embodiment's state and action: those of the first data set, or of renamed fields."""
    part = next(one for one in windows.parts if one.embodiment.name == embodiment)
    own, seen = part.dataset.embodiment, part.embodiment
    return {
        STATE: _names(part, STATE, own.state, seen.state),
        ACTION: _names(part, ACTION, own.action, seen.action),
    }


def _names(part: Windows, feature: str, own: Sequence[Field], seen: Sequence[Field]) -> list[str]:
    if [one.name for one in own] != [one.name for one in seen]:
        return field_dim_names(seen)
    return feature_dim_names(feature, part.dataset.info["features"][feature])
