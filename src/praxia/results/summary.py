"""The summary of one evaluation: success rates and motion, overall, per task and per group."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from praxia.results.rows import Row
from praxia.results.statistics import macro_interval, wilson_interval

__all__ = ["summarise", "summarise_as"]


def summarise(
    rows: Sequence[Row], groups: Mapping[str, Sequence[str]] | None = None, *, averages_groups: bool = False
) -> dict[str, Any]:
    """`{**RATE, macro: MEAN, macro_of_groups: MEAN | None, per_task: {task: RATE}, per_group: {group: RATE}}`.

    A RATE is `{episodes, errors, faults, success, ci95, progress, steps, median_steps, path_length, jerk}`, a MEAN is
    `{success, ci95}`. Rates are fractions of the episodes that were not errors, and None where none is left. Failures
    by the policy's own fault are included and counted as `faults`. Episodes whose success is unknown are in no rate
    either; a RATE with any counts them as `unknown`. `success` and `ci95` (Wilson) are pooled over the episodes, and
    `progress` is the mean share of a task's parts that was done. `macro` is the unweighted mean over the tasks that
    have a rate. `macro_of_groups`, where the benchmark `averages_groups`, is the mean over the groups of such means.
    Tasks are in the order of their first rows, groups in the order of `groups`.

    On a benchmark with a delay a RATE also has `starved`, the share of steps at which nothing was ready, and the means
    of `observation_age` and `observation_hz` over the episodes.

    With several episodes from one start every interval counts starts in place of episodes, as though all episodes from
    one start ended alike: they resemble each other by an amount that is not known, and this is the most cautious.

    The last four cover the successful episodes only: mean and median of the steps to success, mean of `path_length` and
    `jerk`. They are None without a success, or where a success has none. Compare them with care between policies that
    succeed in different episodes: a policy that solves only what is near has the shorter path.
    """
    by_task = {task: [row for row in rows if row.task == task] for task in dict.fromkeys(row.task for row in rows)}
    counts = {task: count for task, count in ((task, _by_start(mine)) for task, mine in by_task.items()) if count[1]}
    groups = groups or {}
    return {
        **_rate(rows),
        "macro": _mean_of(counts, [list(counts)]),
        "macro_of_groups": _mean_of(counts, list(groups.values())) if averages_groups else None,
        "per_task": {task: _rate(mine) for task, mine in by_task.items()},
        "per_group": {group: _rate([row for row in rows if row.task in tasks]) for group, tasks in groups.items()},
    }


def summarise_as(benchmark: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """`summarise` with the groups of the benchmark definition in a fingerprint."""
    return summarise(rows, benchmark.get("groups"), averages_groups=bool(benchmark.get("averages_groups")))


def _mean_of(counts: Mapping[str, tuple[int | float, int]], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The mean over groups of the means over their tasks, and its interval. Groups and tasks without a rate are left
    out.
    """
    rated = [tasks for tasks in ([task for task in group if task in counts] for group in groups) if tasks]
    if not rated:
        return {"success": None, "ci95": None}
    weights = {task: 1 / len(rated) / len(tasks) for tasks in rated for task in tasks}
    mine = [counts[task] for task in weights]
    success = sum(weight * count[0] / count[1] for weight, count in zip(weights.values(), mine, strict=True))
    return {"success": success, "ci95": list(macro_interval(mine, weights=list(weights.values())))}


def _count(rows: Sequence[Row]) -> tuple[int, int]:
    """(successes, episodes that were not errors and whose success is known)."""
    return sum(row.status == "success" for row in rows), sum(row.is_known for row in rows)


def _by_start(rows: Sequence[Row]) -> tuple[int | float, int]:
    """The same rate over the starts of episodes that were not errors: as `_count` where no start has two of them."""
    successes, trials = _count(rows)
    starts = len({row.start for row in rows if row.is_known})
    return (successes, trials) if starts == trials else (successes * starts / trials, starts)


def _rate(rows: Sequence[Row]) -> dict[str, Any]:
    successes, trials = _count(rows)
    unknown = sum(row.status == "unknown" for row in rows)
    progress = [row.progress for row in rows if row.is_known and row.progress is not None]
    return {
        "episodes": len(rows),
        "errors": sum(row.status == "error" for row in rows),
        **({"unknown": unknown} if unknown else {}),
        "faults": sum(row.status == "failure" and row.error is not None for row in rows),
        "success": successes / trials if trials else None,
        "ci95": list(wilson_interval(*_by_start(rows))) if trials else None,
        "progress": sum(progress) / len(progress) if progress else None,
        **_delayed(rows),
        **_motion([row for row in rows if row.status == "success"]),
    }


def _delayed(rows: Sequence[Row]) -> dict[str, float | None]:
    """How fresh the observations behind the actions were; empty where none was delayed."""
    known = [row for row in rows if row.starved_steps is not None]
    if not known:
        return {}
    steps = sum(row.steps for row in known)
    ages = [row.observation_age for row in known if row.observation_age is not None]
    rates = [row.observation_hz for row in known if row.observation_hz is not None]
    return {
        "starved": sum(row.starved_steps or 0 for row in known) / steps if steps else None,
        "observation_age": fmean(ages) if ages else None,
        "observation_hz": fmean(rates) if rates else None,
    }


def _motion(successes: Sequence[Row]) -> dict[str, float | None]:
    steps = [row.steps if row.success_step is None else row.success_step for row in successes]
    return {
        "steps": fmean(steps) if steps else None,
        "median_steps": median(steps) if steps else None,
        "path_length": _mean([row.path_length for row in successes]),
        "jerk": _mean([row.jerk for row in successes]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
