from dataclasses import replace

import pytest
from scipy.stats import binomtest

from praxia.core.types import Status
from praxia.results.pairs import Pair
from praxia.results.rows import Row
from praxia.results.summary import summarise


def rows(task: str, successes: int, failures: int, errors: int, failed_at: float = 0.0) -> list[Row]:
    """Episodes of a task; its failures had done the share `failed_at` of it."""
    statuses: list[tuple[Status, float]] = [("success", 1.0)] * successes
    statuses += [("failure", failed_at)] * failures + [("error", 0.25)] * errors
    return [
        Row("toy", task, f"{task}{n}", "", None, status, 1, None, progress, "", None, 0.0)
        for n, (status, progress) in enumerate(statuses)
    ]


def test_errors_are_counted_but_never_as_failures():
    summary = summarise(rows("walk", 3, 1, 6))
    assert (summary["episodes"], summary["errors"], summary["success"]) == (10, 6, 0.75)
    assert summary["ci95"] == pytest.approx(list(binomtest(3, 4).proportion_ci(0.95, method="wilson")))


def test_pooled_and_macro_differ_where_tasks_have_unequal_counts():
    summary = summarise(rows("walk", 9, 0, 0) + rows("run", 0, 1, 0))
    assert summary["success"] == 0.9
    assert summary["macro"]["success"] == 0.5
    low, high = summary["macro"]["ci95"]
    assert low < 0.5 < high
    assert list(summary["per_task"]) == ["walk", "run"]
    assert summary["per_task"]["walk"]["success"] == 1.0


def test_what_was_done_of_failures_counts_as_progress_and_errors_count_as_nothing():
    summary = summarise(rows("walk", 1, 3, 2, failed_at=0.5) + rows("run", 2, 2, 0))
    assert summary["per_task"]["walk"]["progress"] == pytest.approx((1 + 3 * 0.5) / 4)
    assert summary["per_task"]["run"]["progress"] == summary["per_task"]["run"]["success"] == 0.5
    assert summary["progress"] == pytest.approx((1 + 3 * 0.5 + 2) / 8)


def test_groups_pool_the_episodes_of_their_tasks():
    evaluated = rows("walk", 3, 1, 1) + rows("run", 0, 4, 0) + rows("sleep", 2, 0, 0)
    groups = {"moving": ("walk", "run"), "dreaming": ("dream",)}
    found = summarise(evaluated, groups)["per_group"]
    assert list(found) == ["moving", "dreaming"]
    assert (found["moving"]["episodes"], found["moving"]["errors"], found["moving"]["success"]) == (9, 1, 3 / 8)
    assert found["moving"]["ci95"] == pytest.approx(list(binomtest(3, 8).proportion_ci(0.95, method="wilson")))
    assert (found["dreaming"]["episodes"], found["dreaming"]["success"]) == (0, None)
    assert summarise(evaluated)["per_group"] == {}


def test_the_mean_of_groups_is_that_of_the_means_of_their_tasks():
    evaluated = rows("walk", 3, 1, 0) + rows("run", 1, 3, 0) + rows("fly", 4, 0, 0) + rows("dream", 0, 0, 2)
    groups = {"easy": ("walk", "run"), "hard": ("fly", "dream"), "very hard": ("swim",)}
    found = summarise(evaluated, groups, averages_groups=True)
    assert found["macro_of_groups"]["success"] == pytest.approx((0.5 + 1.0) / 2)
    assert found["macro"]["success"] == pytest.approx((0.75 + 0.25 + 1.0) / 3)
    assert found["success"] == pytest.approx(8 / 12)
    # MOVER: the tasks' Wilson distances add in squares, each with its weight in the mean.
    limits = {wins: binomtest(wins, 4).proportion_ci(0.95, method="wilson") for wins in (1, 3, 4)}
    weighted = [(0.25, 3), (0.25, 1), (0.5, 4)]
    below = sum((weight * (wins / 4 - limits[wins].low)) ** 2 for weight, wins in weighted) ** 0.5
    above = sum((weight * (limits[wins].high - wins / 4)) ** 2 for weight, wins in weighted) ** 0.5
    assert found["macro_of_groups"]["ci95"] == pytest.approx([0.75 - below, 0.75 + above])


def test_groups_are_averaged_only_where_the_benchmark_does():
    evaluated = rows("walk", 3, 1, 0)
    assert summarise(evaluated, {"easy": ("walk",)})["macro_of_groups"] is None
    assert summarise(evaluated, {"easy": ("walk",)}, averages_groups=True)["macro_of_groups"]["success"] == 0.75
    nothing = {"success": None, "ci95": None}
    assert summarise([], {"easy": ("walk",)}, averages_groups=True)["macro_of_groups"] == nothing


def test_a_task_of_errors_alone_has_no_rate_and_stays_out_of_the_macro():
    summary = summarise(rows("walk", 1, 1, 0) + rows("run", 0, 0, 2))
    nothing = {
        "episodes": 2,
        "errors": 2,
        "faults": 0,
        "success": None,
        "ci95": None,
        "progress": None,
        "steps": None,
        "median_steps": None,
        "path_length": None,
        "jerk": None,
    }
    assert summary["per_task"]["run"] == nothing
    assert summary["macro"]["success"] == 0.5


def test_motion_is_summarised_over_successes_only():
    moved = [(4, 1.0, 3.0), (6, 2.0, 1.0), (20, 6.0, 2.0)]
    won = [
        replace(row, success_step=step, path_length=path, jerk=jerk)
        for row, (step, path, jerk) in zip(rows("walk", 3, 0, 0), moved, strict=True)
    ]
    lost = [replace(row, path_length=99.0, jerk=99.0) for row in rows("run", 0, 2, 1)]
    summary = summarise(won + lost)
    for found in (summary, summary["per_task"]["walk"]):
        assert [found[name] for name in ("steps", "median_steps", "path_length", "jerk")] == [10.0, 6, 3.0, 2.0]
    assert summary["per_task"]["run"]["path_length"] is None
    unknown = summarise([*won, replace(won[0], start="torques", path_length=None)])
    assert (unknown["path_length"], unknown["jerk"]) == (None, 2.25)


def test_nothing_has_no_rate():
    assert summarise([])["success"] is None


def test_a_fault_of_the_policy_is_a_failure_and_a_crash_is_not():
    faulty = [replace(row, error="the policy gave nothing") for row in rows("walk", 0, 2, 0)]
    crashed = [replace(row, error="the simulator broke") for row in rows("run", 0, 0, 1)]
    summary = summarise(rows("reach", 2, 1, 0) + faulty + crashed)
    assert (summary["success"], summary["errors"], summary["faults"]) == (2 / 5, 1, 2)


def test_episodes_whose_success_is_unknown_are_counted_and_in_no_rate():
    unknown = Row("robot", "walk", "f00d", "", None, "unknown", 9, None, None, "", None, 0.0)
    summary = summarise([*rows("walk", 3, 1, 1), unknown])
    assert (summary["episodes"], summary["errors"], summary["unknown"]) == (6, 1, 1)
    assert (summary["success"], summary["progress"]) == (0.75, 0.75)
    assert summarise([unknown])["success"] is None
    assert "unknown" not in summarise(rows("walk", 3, 1, 1))
    pair = Pair(unknown, rows("walk", 1, 0, 0)[0])
    assert (pair.is_known, pair.is_error) == (False, False)
