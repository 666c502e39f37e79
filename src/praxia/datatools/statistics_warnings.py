"""What in a feature's statistics spoils training without an error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from praxia.core.embodiment import Field, field_slices
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.fitting import Counted, names_by_feature
from praxia.dataloader.mixture import Mixture
from praxia.transforms.normalise import REACH, is_constant

__all__ = ["StatisticsWarning", "find_warnings", "format_warning", "training_warnings"]

# A part of the declared range that is rounding, not a value outside of it.
ROUNDING = 1e-6
# float32 tells apart values no closer than this part of the spread: a hundredth is as coarse as a range of 400 steps.
COARSE = 0.01


@dataclass(frozen=True)
class StatisticsWarning:
    """`kind`: still, outliers, outside or float32, of one dim; `text` says what was found, in its unit."""

    dim: str
    kind: str
    text: str


def find_warnings(
    described: dict[str, list[Any]], names: Sequence[str], fields: Sequence[Field]
) -> list[StatisticsWarning]:
    """The traps in one feature's statistics as `Statistics.describe` gives them.

    `names` are its dims. `fields` declare their ranges; none: nothing is declared.
    """
    ranges = [(part.low, part.high, part.unit) for part, _ in field_slices(fields) for _ in range(part.size)]
    if len(ranges) != len(names):
        ranges = [(None, None, "")] * len(names)
    found = []
    for at, (name, declared) in enumerate(zip(names, ranges, strict=True)):
        one = {key: float(values[at]) for key, values in described.items() if key != "count"}
        found += [StatisticsWarning(name, kind, text) for kind, text in _traps(one, *declared)]
    return found


def format_warning(warning: Mapping[str, Any]) -> str:
    """A trap with the embodiment and the feature that it was found in, as people read it."""
    where = f"{warning['embodiment']} {warning['feature']} {warning['dim']}"
    return f"{warning['kind']:9s} {where}: {warning['text']}"


def _traps(one: dict[str, float], low: float | None, high: float | None, unit: str) -> Iterator[tuple[str, str]]:
    lowest, highest, bulk = one["min"], one["max"], one["q99"] - one["q01"]
    middle = (one["q01"] + one["q99"]) / 2
    reach = max(highest - middle, middle - lowest)
    constant = bool(is_constant(lowest, highest))
    if lowest == highest:
        yield "still", f"never moves: always {lowest + 0.0:.6g} {unit}".rstrip()
    elif not constant and reach > REACH * bulk / 2:
        whole = f"[{lowest:.4g}, {highest:.4g}] {unit}".rstrip()
        yield (
            "outliers",
            f"98% of the values are within [{one['q01']:.4g}, {one['q99']:.4g}], {bulk / (highest - lowest):.2%} of"
            f" the whole range {whole}; a normaliser is widened until the farthest is at {REACH:g}",
        )
    margin = ROUNDING * (high - low) if low is not None and high is not None else 0.0
    if (low is not None and lowest < low - margin) or (high is not None and highest > high + margin):
        declared = f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}] {unit}"
        yield "outside", f"goes to [{lowest:.6g}, {highest:.6g}], outside the declared {declared}".rstrip()
    step = float(np.spacing(np.float32(max(abs(lowest), abs(highest)))))
    if lowest != highest and step > COARSE * one["std"]:
        rest = "; it never moves by more than rounding does, and counts as constant" if constant else ""
        share = f"{step / one['std']:.0%} of its std {one['std']:.2g}"
        yield "float32", f"float32 has steps of {step:.2g} there, {share}{rest}"


def training_warnings(windows: Mixture, counted: Mapping[str, Counted]) -> list[dict[str, Any]]:
    """What in the rows that are trained on spoils training, as `datatools.survey.survey` warns of it."""
    found = []
    for embodiment in windows.embodiments:
        own = counted[embodiment.name]
        action = embodiment.action if own.relative is None else own.relative.fields(embodiment.action)
        names = names_by_feature(windows, embodiment.name)
        for feature, fields in ((STATE, embodiment.state), (ACTION, action)):
            for trap in find_warnings(own.whole[feature], names[feature], fields):
                found.append({"embodiment": embodiment.name, "feature": feature, **asdict(trap)})
    return found
