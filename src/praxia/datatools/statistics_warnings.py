"""Warnings about statistics of features that silently spoil training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from praxia.core.embodiment import Field, field_slices
from praxia.data.vectors import ACTION, STATE
from praxia.dataloader.fitting import EmbodimentStatistics, names_by_feature
from praxia.dataloader.mixture import Mixture
from praxia.transforms.normalise import REACH, is_constant

__all__ = ["StatisticsWarning", "find_warnings", "format_warning", "training_warnings"]

# A fraction of the declared range that counts as rounding.
ROUNDING = 1e-6
# Largest step of float32 relative to the std: a hundredth is as coarse as a range of 400 steps.
COARSE_STEP = 0.01


@dataclass(frozen=True)
class StatisticsWarning:
    """A warning about one dim. `kind`: still, outliers, outside or float32; `text` describes it in the dim's unit."""

    dim: str
    kind: str
    text: str


def find_warnings(
    described: dict[str, list[Any]], names: Sequence[str], fields: Sequence[Field]
) -> list[StatisticsWarning]:
    """The warnings about one feature's statistics, given as by `Statistics.describe`.

    `names` are its dims. `fields` declare their ranges; empty if nothing is declared.
    """
    ranges = [(part.low, part.high, part.unit) for part, _ in field_slices(fields) for _ in range(part.size)]
    if len(ranges) != len(names):
        ranges = [(None, None, "")] * len(names)
    found = []
    for at, (name, limits) in enumerate(zip(names, ranges, strict=True)):
        stats = {key: float(values[at]) for key, values in described.items() if key != "count"}
        found += [StatisticsWarning(name, kind, text) for kind, text in _warnings_of_dim(stats, *limits)]
    return found


def format_warning(warning: Mapping[str, Any]) -> str:
    """One line for people: a warning with its embodiment and feature."""
    where = f"{warning['embodiment']} {warning['feature']} {warning['dim']}"
    return f"{warning['kind']:9s} {where}: {warning['text']}"


def _warnings_of_dim(
    stats: dict[str, float], low: float | None, high: float | None, unit: str
) -> Iterator[tuple[str, str]]:
    lowest, highest, bulk = stats["min"], stats["max"], stats["q99"] - stats["q01"]
    middle = (stats["q01"] + stats["q99"]) / 2
    reach = max(highest - middle, middle - lowest)
    constant = bool(is_constant(lowest, highest))
    if lowest == highest:
        yield "still", f"never moves: always {lowest + 0.0:.6g} {unit}".rstrip()
    elif not constant and reach > REACH * bulk / 2:
        full_range = f"[{lowest:.4g}, {highest:.4g}] {unit}".rstrip()
        yield (
            "outliers",
            f"98% of the values are within [{stats['q01']:.4g}, {stats['q99']:.4g}], {bulk / (highest - lowest):.2%} of"
            f" the full range {full_range}; a normaliser is widened so that the farthest is at {REACH:g}",
        )
    margin = ROUNDING * (high - low) if low is not None and high is not None else 0.0
    if (low is not None and lowest < low - margin) or (high is not None and highest > high + margin):
        limits = f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}] {unit}"
        yield "outside", f"reaches [{lowest:.6g}, {highest:.6g}], outside the declared {limits}".rstrip()
    step = float(np.spacing(np.float32(max(abs(lowest), abs(highest)))))
    if lowest != highest and step > COARSE_STEP * stats["std"]:
        suffix = "; it never moves by more than rounding does, and counts as constant" if constant else ""
        share = f"{step / stats['std']:.0%} of its std {stats['std']:.2g}"
        yield "float32", f"float32 has steps of {step:.2g} there, {share}{suffix}"


def training_warnings(windows: Mixture, counted: Mapping[str, EmbodimentStatistics]) -> list[dict[str, Any]]:
    """Warnings about the rows that are trained on, in the form of `datatools.survey.survey`."""
    found = []
    for embodiment in windows.embodiments:
        counts = counted[embodiment.name]
        action = embodiment.action if counts.relative is None else counts.relative.fields(embodiment.action)
        names = names_by_feature(windows, embodiment.name)
        for feature, fields in ((STATE, embodiment.state), (ACTION, action)):
            for warning in find_warnings(counts.combined[feature], names[feature], fields):
                found.append({"embodiment": embodiment.name, "feature": feature, **asdict(warning)})
    return found
