"""How hard starts are, by what other policies did there, and success rates adjusted for it.

A policy that was judged on twenty starts of a task met easy or hard ones by chance. Where other policies met those and
more, the chance can be taken out: the adjusted rate is what the policy would score on all starts that are known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from praxia.results.rows import Row
from praxia.results.statistics import wilson_interval

__all__ = ["Difficulty", "adjusted_rate"]

# A start's deviation from its task counts as if so many more policies had met it without any.
_PRIOR_POLICIES = 2.0


@dataclass(frozen=True)
class Difficulty:
    """What a policy may expect: the mean success in each task, and how far each start lies from its task's.

    `starts` are (task, deviation) by key. A deviation is the mean over the policies that met the start of what each
    scored there beyond its own mean in the task, shrunk where they were few: a start that only weak policies met is
    not hard for that. The table grows with every evaluation.
    """

    tasks: Mapping[str, float]
    starts: Mapping[str, tuple[str, float]]

    @classmethod
    def of(cls, evaluations: Iterable[Iterable[Row]]) -> "Difficulty":
        """The table by some evaluations, each the rows of one policy. Errors say nothing."""
        scored: dict[str, list[float]] = defaultdict(list)
        deviations: dict[tuple[str, str], list[float]] = defaultdict(list)
        for rows in evaluations:
            mine: dict[str, dict[str, float]] = defaultdict(dict)
            for row in rows:
                if row.status != "error":
                    mine[row.task][row.start] = float(row.status == "success")
            for task, outcomes in mine.items():
                mean = sum(outcomes.values()) / len(outcomes)
                scored[task] += outcomes.values()
                for start, outcome in outcomes.items():
                    deviations[start, task].append(outcome - mean)
        tasks = {task: sum(outcomes) / len(outcomes) for task, outcomes in scored.items()}
        return cls(tasks, {start: (task, _shrunk(found)) for (start, task), found in deviations.items()})

    def expected(self, task: str, start: str) -> float:
        """The success that others lead one to expect; the task's where nobody met the start."""
        return self.tasks[task] + self.starts.get(start, (task, 0.0))[1]


def adjusted_rate(rows: Sequence[Row], difficulty: Difficulty) -> dict[str, Any] | None:
    """`{success, ci95, known_starts, correlation}` of a policy's rows, adjusted by what other policies did.

    The rate is moved along the regression of the outcomes on the expected success, from the starts met to all that
    are known of the same tasks. Its variance is that of the residuals over the starts met, and that of the expected
    success over all known ones; the interval is Wilson's with as many episodes as would give that variance. It takes
    the policy's starts for a sample of the known ones, which they are: starts are independent draws.

    None where that cannot make the interval narrower: nobody else met these tasks or other starts of them, all
    outcomes are the same, or they do not follow what was expected.

    Source: CUPED (Deng et al. 2013, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data"); the variance is that of double sampling (Cochran 1977, "Sampling techniques", 12.6).
    """
    met = {row.start: row for row in rows if row.status != "error"}
    tasks = {row.task for row in met.values()}
    if not tasks <= difficulty.tasks.keys() or len(met) < 3:
        return None
    known = {start: task for start, (task, _) in difficulty.starts.items() if task in tasks}
    known |= {start: row.task for start, row in met.items()}
    outcomes = np.array([row.status == "success" for row in met.values()], float)
    expected = np.array([difficulty.expected(row.task, start) for start, row in met.items()])
    everywhere = np.array([difficulty.expected(task, start) for start, task in known.items()])
    if len(known) == len(met) or np.ptp(outcomes) == 0 or np.ptp(expected) == 0:
        return None

    slope = np.cov(outcomes, expected)[0, 1] / expected.var(ddof=1)
    residuals = outcomes - outcomes.mean() - slope * (expected - expected.mean())
    variance = residuals @ residuals / (len(met) - 2) / len(met) + slope**2 * everywhere.var(ddof=1) / len(known)
    episodes = float(outcomes.mean() * (1 - outcomes.mean()) / variance)
    if episodes <= len(met):
        return None
    rate = float(np.clip(outcomes.mean() + slope * (everywhere.mean() - expected.mean()), 0, 1))
    return {
        "success": rate,
        "ci95": list(wilson_interval(rate * episodes, episodes)),
        "known_starts": len(known),
        "correlation": float(np.corrcoef(outcomes, expected)[0, 1]),
    }


def _shrunk(deviations: Sequence[float]) -> float:
    return sum(deviations) / (len(deviations) + _PRIOR_POLICIES)
