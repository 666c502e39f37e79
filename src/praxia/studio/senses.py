"""What a policy uses: its success where a sense was spoiled, on the same starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.results.meta import differences
from praxia.results.pairs import POLICY_FIELDS, pair_rows
from praxia.studio.comparison import Comparison
from praxia.studio.evaluation import MEANING, Evaluation
from praxia.studio.figures import percent, points
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular

__all__ = ["Drop", "drop_of", "senses"]

_SENSES = {
    "swapped-image": "its images",
    "other-instruction": "its instruction",
    "shuffled-instruction": "its instruction",
    "frozen-state": "its state",
}
# What needs no sense at all.
_FLOORS = ("random", "zero")
# A drop that is certainly smaller than this is "hardly"; there must be more than twice as much to lose.
_LITTLE = 0.1
_CAPTION = (
    "Success from the same starts with one sense spoiled, and without any. Points are the paired difference to the "
    "policy's own success, with Newcombe's 95% interval; the words go by the interval, not by the difference."
)


@dataclass(frozen=True)
class Drop:
    """The pairs of a policy (first) with a `control` of it (second), as counts; at least one pair."""

    control: Evaluation
    counts: PairCounts

    @property
    def rates(self) -> tuple[float, float]:
        """The success of the policy and of the control, over the pairs."""
        both, pairs = self.counts.both, self.counts.pairs
        return (both + self.counts.a_alone) / pairs, (both + self.counts.b_alone) / pairs

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of what the policy's success has above the control's."""
        return newcombe_interval(self.counts)

    @property
    def verb(self) -> str:
        """What the interval allows to say of the policy and the sense."""
        low, high = self.interval
        if low > 0:
            return "uses" if high >= _LITTLE else "uses a little of"
        if high < 0:
            return "does better without"
        has_much_to_lose = self.rates[0] > 2 * _LITTLE
        return "hardly uses" if high < _LITTLE and has_much_to_lose else "may or may not use"


def drop_of(policy: Evaluation, control: Evaluation) -> Drop | str:
    """What a control costs, or why that cannot be said."""
    if changes := differences(policy.fingerprint, control.fingerprint, POLICY_FIELDS | {"control"}, ("was", "is")):
        return f"it was not judged alike ({changes})"
    met = pair_rows(policy.rows, control.rows).pairs
    if not met:
        return "it has no start in common"
    pairs = [pair for pair in met if not pair.is_error]
    return (
        Drop(control, PairCounts.of(pair.outcome for pair in pairs)) if pairs else "every pair of episodes has an error"
    )


def senses(comparison: Comparison) -> list[Markup]:
    """One section for every candidate that has controls of its senses."""
    sections = []
    for candidate in comparison.candidates:
        beside = [one for one in comparison.beside(candidate) if one.is_control or one.kind in _FLOORS]
        if any(one.kind in _SENSES for one in beside):
            sections.append(_section(candidate, beside))
    return sections


def _section(candidate: Evaluation, beside: Sequence[Evaluation]) -> Markup:
    found = [(one, drop_of(candidate, one)) for one in beside]
    drops = [drop for _, drop in found if isinstance(drop, Drop)]
    refused = [f"{one.label}: {drop}." for one, drop in found if isinstance(drop, str)]
    columns = [("condition", None), ("success", "n"), ("points", "n"), ("95% interval", "interval"), ("starts", "n")]
    own = [candidate.label, percent(candidate.summary["success"]), "", "", f"{candidate.summary['episodes']:,}"]
    return tag(
        "section",
        tag("h2", f"What {candidate.label} uses"),
        tag("p", _sentence(candidate, drops), class_="says"),
        tabular(_CAPTION, columns, [own, *map(_cells, drops)], marked=0),
        *(tag("p", text, class_="warning bad", role="note") for text in refused),
    )


def _sentence(candidate: Evaluation, drops: Sequence[Drop]) -> str:
    """Such as "flow uses its images (−54.0 points) and its instruction (−30.1 points), hardly uses its state"."""
    said: dict[str, list[str]] = {}
    for drop in drops:
        if sense := _SENSES.get(drop.control.kind):
            said.setdefault(drop.verb, []).append(f"{sense} ({points(*drop.rates[::-1])} points)")
    text = ", ".join(f"{verb} {' and '.join(senses)}" for verb, senses in said.items())
    text = f"{candidate.label} {text}." if text else ""
    for drop in drops:
        if drop.control.kind in _FLOORS and drop.interval[0] <= 0:
            text += f" It was not shown to be better than {drop.control.label}."
    return text


def _cells(drop: Drop) -> list[object]:
    low, high = drop.interval
    name = tag("span", drop.control.label, tag("span", MEANING.get(drop.control.kind), class_="note"))
    interval = f"{points(0.0, high)} to {points(0.0, low)}"
    return [name, percent(drop.rates[1]), points(*drop.rates[::-1]), interval, f"{drop.counts.pairs:,}"]
