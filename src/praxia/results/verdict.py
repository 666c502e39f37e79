"""The verdict of a comparison: which of two policies is better, and with what certainty."""

from collections.abc import Sequence
from math import exp
from typing import Any, Literal

from praxia.core.errors import PraxiaError
from praxia.results.mcnemar import PairCounts, mcnemar_p_value, newcombe_interval
from praxia.results.pairs import Pair, Pairing
from praxia.results.sequential import ALPHA, confidence_sequence, is_decided, log_e_value, pairs_needed
from praxia.results.statistics import holm
from praxia.results.timing import time_to_success

__all__ = ["Comparison", "Verdict", "verdict_of"]

Verdict = Literal["better", "worse", "undecided"]


class Comparison:
    """Collects pairs and decides whether the first policy is "better" or "worse" than the second.

    With `until_decided` the e-value is checked after every pair, and the caller stops as soon as `decided` is True.
    Otherwise the number of pairs is fixed beforehand, `decided` stays False, and the verdict is that of McNemar's exact
    test. Either errs with a probability of at most `sequential.ALPHA` where the policies do not differ.

    Pairs must come in an order that was planned beforehand, never in the order in which episodes end: failures take
    longer, so the pairs that end first are no fair sample.
    """

    def __init__(self, *, until_decided: bool, unpaired: int = 0):
        self._until_decided = until_decided
        self._unpaired = unpaired
        self._pairs: list[Pair] = []
        self._num_errors = self._num_unknown = 0
        self._alone = [0, 0]

    @property
    def decided(self) -> bool:
        """Whether no further pair is needed."""
        return self._until_decided and is_decided(PairCounts(a_alone=self._alone[0], b_alone=self._alone[1]))

    @property
    def discordant(self) -> tuple[int, int]:
        """The numbers of starts so far at which only the first policy and only the second succeeded."""
        return self._alone[0], self._alone[1]

    def add(self, pair: Pair) -> None:
        """Add the next pair in planned order. A pair with an error or an unknown success is only counted as one."""
        assert not self.decided, "a pair after the decision"
        if not pair.is_known:
            self._num_errors += pair.is_error
            self._num_unknown += not pair.is_error
            return
        self._pairs.append(pair)
        a, b = pair.outcome
        self._alone[0] += a and not b
        self._alone[1] += b and not a

    def verdict(self) -> dict[str, Any]:
        """`{verdict, effect, macro_effect, ci95, e_value, p_value, pairs, discordant: [n10, n01], pairs_needed, errors,
        unpaired, per_task: {task: TASK}, per_task_exploratory, time_to_success}`.

        `effect` is the success rate of the first policy minus that of the second over all pairs, `macro_effect` the
        unweighted mean of the tasks' effects. n10 counts the pairs in which only the first succeeded. With
        `until_decided`, `ci95` is the confidence sequence and `p_value` is None; otherwise they are Newcombe's interval
        and McNemar's p-value. `pairs_needed` estimates the total number of pairs that `until_decided` takes. `errors`
        counts pairs with an error, `unpaired` episodes without a partner. Where other pairs have an unknown success,
        their number is there as `unknown`.

        A TASK is `{verdict, effect, discordant, pairs, p_value, p_holm}` by McNemar's exact test, adjusted for the
        number of tasks by Holm. `per_task_exploratory` is True where these tests do not account for the stopping rule
        of the pooled test. Effects and intervals are None without a pair of known success in both.
        """
        counts = _counts(self._pairs)
        per_task = self._per_task()
        effects = [one["effect"] for one in per_task.values()]
        return {
            "verdict": self._pooled(counts),
            "effect": counts.effect,
            "macro_effect": sum(effects) / len(effects) if effects else None,
            "ci95": self._interval(counts),
            # A long, one-sided comparison would exceed the largest JSON number.
            "e_value": exp(min(log_e_value(counts.a_alone, counts.b_alone), 700.0)),
            "p_value": None if self._until_decided else mcnemar_p_value(counts),
            "pairs": counts.pairs,
            "discordant": [counts.a_alone, counts.b_alone],
            "pairs_needed": pairs_needed(counts),
            "errors": self._num_errors,
            **({"unknown": self._num_unknown} if self._num_unknown else {}),
            "unpaired": self._unpaired,
            "per_task": per_task,
            "per_task_exploratory": self._until_decided,
            "time_to_success": time_to_success([pair.a for pair in self._pairs], [pair.b for pair in self._pairs]),
        }

    def _pooled(self, counts: PairCounts) -> Verdict:
        settled = is_decided(counts) if self._until_decided else mcnemar_p_value(counts) <= ALPHA
        return _direction(counts) if settled else "undecided"

    def _interval(self, counts: PairCounts) -> list[float] | None:
        if not counts.pairs:
            return None
        return list(confidence_sequence(counts) if self._until_decided else newcombe_interval(counts))

    def _per_task(self) -> dict[str, dict[str, Any]]:
        # The order of tasks among the pairs differs from round to round.
        tasks = sorted({pair.task for pair in self._pairs})
        counted = {task: _counts([pair for pair in self._pairs if pair.task == task]) for task in tasks}
        p_values = [mcnemar_p_value(counts) for counts in counted.values()]
        return {
            task: {
                "verdict": _direction(counts) if adjusted <= ALPHA else "undecided",
                "effect": counts.effect,
                "discordant": [counts.a_alone, counts.b_alone],
                "pairs": counts.pairs,
                "p_value": p_value,
                "p_holm": adjusted,
            }
            for (task, counts), p_value, adjusted in zip(counted.items(), p_values, holm(p_values), strict=True)
        }


def verdict_of(pairing: Pairing, *, until_decided: bool) -> dict[str, Any]:
    """The verdict on a pairing: on all of its pairs, or with `until_decided` on as many as it takes.

    Raises:
        PraxiaError: all pairs are wanted, but their number was not fixed beforehand.
    """
    if pairing.stopped and not until_decided:
        raise PraxiaError(
            "these results belong to a comparison that stopped when it was decided, but an exact test needs a number of"
            " pairs that was fixed beforehand: use --until-decided"
        )
    comparison = Comparison(until_decided=until_decided, unpaired=pairing.unpaired)
    for pair in pairing.pairs:
        if comparison.decided:
            break
        comparison.add(pair)
    return comparison.verdict()


def _counts(pairs: Sequence[Pair]) -> PairCounts:
    return PairCounts.of(pair.outcome for pair in pairs)


def _direction(counts: PairCounts) -> Verdict:
    return "better" if counts.a_alone > counts.b_alone else "worse"
