"""Input ablations: how much success a policy loses from the same starts when one of its inputs is corrupted."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.results.meta import differences
from praxia.results.pairs import POLICY_FIELDS, pair_rows
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.evaluation import MEANING, LabelledEvaluation
from praxia.studio.html import Markup, tag
from praxia.studio.tables import html_table, percent, points

__all__ = ["SuccessDrop", "ablation_sections", "success_drop"]

_INPUTS = {
    "swapped-image": "its images",
    "other-instruction": "its instruction",
    "shuffled-instruction": "its instruction",
    "frozen-state": "its state",
    "shuffled-intent": "its intents",
}
# References that use no input at all.
_FLOORS = ("random", "zero")
# If the interval excludes a larger drop, the policy "hardly uses" the input, given success of more than twice as much.
_SMALL_DROP = 0.1
_CAPTION = (
    "Success from the same starts with one input corrupted, or without any input. Points are the paired difference to "
    "the policy's own success, with Newcombe's 95% interval. The sentence follows the interval, not the difference."
)


@dataclass(frozen=True)
class SuccessDrop:
    """The outcomes of a policy (first) paired with those of its `control` (second); at least one pair."""

    control: LabelledEvaluation
    counts: PairCounts

    @property
    def rates(self) -> tuple[float, float]:
        """Success of the policy and of the control over the pairs."""
        both, pairs = self.counts.both, self.counts.pairs
        return (both + self.counts.a_alone) / pairs, (both + self.counts.b_alone) / pairs

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the policy's success minus the control's."""
        return newcombe_interval(self.counts)

    @property
    def verb(self) -> str:
        """How much the policy uses the input, as far as the interval supports it."""
        low, high = self.interval
        if low > 0:
            return "uses" if high >= _SMALL_DROP else "uses a little of"
        if high < 0:
            return "does better without"
        has_much_to_lose = self.rates[0] > 2 * _SMALL_DROP
        return "hardly uses" if high < _SMALL_DROP and has_much_to_lose else "may or may not use"


def success_drop(policy: LabelledEvaluation, control: LabelledEvaluation) -> SuccessDrop | str:
    """The drop in success under a control, or the reason why it is unknown."""
    if changes := differences(policy.fingerprint, control.fingerprint, POLICY_FIELDS | {"control"}, ("was", "is")):
        return f"it was evaluated with other settings ({changes})"
    if (reason := policy.unpaired_reason or control.unpaired_reason) is not None:
        return f"there are {reason}"
    shared = pair_rows(policy.rows, control.rows).pairs
    if not shared:
        return "it shares no start with the policy"
    pairs = [pair for pair in shared if pair.is_known]
    if not pairs:
        errors = all(pair.is_error for pair in shared)
        return "every pair of episodes has an error" if errors else "no pair has a known success in both"
    return SuccessDrop(control, PairCounts.of(pair.outcome for pair in pairs))


def ablation_sections(comparison: BenchmarkComparison) -> list[Markup]:
    """One section per candidate that has controls of its inputs."""
    sections = []
    for candidate in comparison.candidates:
        references = [one for one in comparison.references_for(candidate) if one.is_control or one.kind in _FLOORS]
        if any(one.kind in _INPUTS for one in references):
            sections.append(_section(candidate, references))
    return sections


def _section(candidate: LabelledEvaluation, references: Sequence[LabelledEvaluation]) -> Markup:
    results = [(one, success_drop(candidate, one)) for one in references]
    drops = [drop for _, drop in results if isinstance(drop, SuccessDrop)]
    refused = [f"{one.label}: {drop}." for one, drop in results if isinstance(drop, str)]
    columns = [("condition", None), ("success", "n"), ("points", "n"), ("95% interval", "interval"), ("starts", "n")]
    own = [candidate.label, percent(candidate.summary["success"]), "", "", f"{candidate.summary['episodes']:,}"]
    return tag(
        "section",
        tag("h2", f"What {candidate.label} uses"),
        tag("p", _sentence(candidate, drops), class_="statement"),
        html_table(_CAPTION, columns, [own, *map(_cells, drops)], marked=0),
        *(tag("p", text, class_="warning bad", role="note") for text in refused),
    )


def _sentence(candidate: LabelledEvaluation, drops: Sequence[SuccessDrop]) -> str:
    """A sentence such as "flow uses its images (−54.0 points), hardly uses its state (−2.1 points)."."""
    by_verb: dict[str, list[str]] = {}
    for drop in drops:
        if name := _INPUTS.get(drop.control.kind):
            by_verb.setdefault(drop.verb, []).append(f"{name} ({points(*drop.rates[::-1])} points)")
    text = ", ".join(f"{verb} {' and '.join(inputs)}" for verb, inputs in by_verb.items())
    text = f"{candidate.label} {text}." if text else ""
    for drop in drops:
        if drop.control.kind in _FLOORS and drop.interval[0] <= 0:
            text += f" It was not shown to be better than {drop.control.label}."
    return text


def _cells(drop: SuccessDrop) -> list[object]:
    low, high = drop.interval
    name = tag("span", drop.control.label, tag("span", MEANING.get(drop.control.kind), class_="note"))
    interval = f"{points(0.0, high)} to {points(0.0, low)}"
    return [name, percent(drop.rates[1]), points(*drop.rates[::-1]), interval, f"{drop.counts.pairs:,}"]
