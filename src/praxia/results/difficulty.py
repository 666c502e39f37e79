"""The difficulty of starts, estimated from other policies, and success rates adjusted for it.

A policy that was evaluated on twenty starts of a task met easy or hard ones by chance. Where other policies met those
starts and more, this chance can be removed: the adjusted rate estimates the policy's success on all known starts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from praxia.results.rows import Row
from praxia.results.statistics import wilson_interval

__all__ = ["Difficulty", "adjusted_rate"]

# Shrinks a start's deviation from its task as if so many more policies without a deviation had met the start.
_PRIOR_POLICIES = 2.0


@dataclass(frozen=True)
class Difficulty:
    """The mean success in each task, and the deviation of each start from it.

    `starts` maps keys to (task, deviation). A policy's deviation at a start is its outcome minus its own mean in the
    task, so a start that only weak policies met does not count as hard. The start's deviation is the mean over the
    policies that met it, shrunk towards 0 where they are few.
    """

    tasks: Mapping[str, float]
    starts: Mapping[str, tuple[str, float]]

    @classmethod
    def of(cls, evaluations: Iterable[Iterable[Row]]) -> "Difficulty":
        """The table from evaluations, each given as the rows of one policy. Errors are ignored."""
        scored: dict[str, list[float]] = defaultdict(list)
        deviations: dict[tuple[str, str], list[float]] = defaultdict(list)
        for rows in evaluations:
            mine: dict[str, dict[str, float]] = defaultdict(dict)
            for row in rows:
                if row.is_known:
                    mine[row.task][row.start] = float(row.status == "success")
            for task, outcomes in mine.items():
                mean = sum(outcomes.values()) / len(outcomes)
                scored[task] += outcomes.values()
                for start, outcome in outcomes.items():
                    deviations[start, task].append(outcome - mean)
        tasks = {task: sum(outcomes) / len(outcomes) for task, outcomes in scored.items()}
        return cls(tasks, {start: (task, _shrunk(found)) for (start, task), found in deviations.items()})

    def expected(self, task: str, start: str) -> float:
        """The expected success at a start: that of the task where no policy met the start."""
        return self.tasks[task] + self.starts.get(start, (task, 0.0))[1]


def adjusted_rate(rows: Sequence[Row], difficulty: Difficulty) -> dict[str, Any] | None:
    """`{success, ci95, known_starts, correlation}` of a policy's rows, adjusted by the outcomes of other policies.

    The rate is moved along the regression of the outcomes on the expected success, from the starts that the policy met
    to all known starts of the same tasks. Its variance is that of the residuals over the starts met, plus that of the
    expected success over all known starts. The interval is Wilson's for the number of episodes that would have that
    variance. The policy's starts are a sample of the known ones, since starts are independent draws.

    None where the adjustment cannot narrow the interval: no other policy met these tasks or other starts of them, all
    outcomes are equal, or the outcomes do not follow the expected success.

    Source: CUPED (Deng et al. 2013, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data"); the variance is that of double sampling (Cochran 1977, "Sampling techniques", 12.6).
    """
    met = {row.start: row for row in rows if row.is_known}
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
