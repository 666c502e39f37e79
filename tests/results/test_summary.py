import pytest
from scipy.stats import binomtest

from praxia.results.rows import Row, Status
from praxia.results.summary import summarise


def rows(task: str, successes: int, failures: int, errors: int) -> list[Row]:
    statuses: list[Status] = ["success"] * successes + ["failure"] * failures + ["error"] * errors
    return [
        Row("toy", task, f"{task}{n}", "", None, status, 1, None, "", None, 0.0) for n, status in enumerate(statuses)
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


def test_a_task_of_errors_alone_has_no_rate_and_stays_out_of_the_macro():
    summary = summarise(rows("walk", 1, 1, 0) + rows("run", 0, 0, 2))
    assert summary["per_task"]["run"] == {"episodes": 2, "errors": 2, "success": None, "ci95": None}
    assert summary["macro"]["success"] == 0.5


def test_nothing_has_no_rate():
    assert summarise([])["success"] is None
