"""Evaluating some tasks of a benchmark: the same episodes, under a name that keeps them apart from whole runs."""

import pytest
from toy_benchmark import BENCHMARK, evaluate_toy

from praxia.core.errors import MismatchError
from praxia.results.leaderboard import leaderboard
from praxia.results.meta import read_meta
from praxia.results.pairs import pair_files
from praxia.results.rows import read_rows


@pytest.fixture
def files(tmp_path):
    """A policy on the whole benchmark, and another and the same on one of its tasks."""
    some = BENCHMARK.of_tasks(["run"])
    evaluate_toy(tmp_path / "whole.jsonl")
    evaluate_toy(tmp_path / "same.jsonl", benchmark=some)
    evaluate_toy(tmp_path / "other.jsonl", benchmark=some, policy_sha256="beef")
    return tmp_path


def test_the_episodes_of_a_task_are_those_of_the_whole_benchmark(files):
    whole = [row for row in read_rows(files / "whole.jsonl") if row.task == "run"]
    some = read_rows(files / "same.jsonl")
    assert [(row.start, row.actions_sha256) for row in some] == [(row.start, row.actions_sha256) for row in whole]
    assert {row.benchmark for row in some} == {"toy/plain[run]"}
    assert read_meta(files / "same.jsonl")["fingerprint"]["benchmark"]["tasks"] == ["run"]


def test_a_whole_run_is_never_compared_or_ranked_with_some_tasks(files):
    assert len(pair_files(files / "same.jsonl", files / "other.jsonl").pairs) == 4
    with pytest.raises(MismatchError, match=r"is of benchmark 'toy/plain', but .* is of 'toy/plain\[run\]'"):
        pair_files(files / "whole.jsonl", files / "other.jsonl")
    tables = leaderboard(files)["tables"]
    assert {one["benchmark"]: len(one["entries"]) for one in tables} == {"toy/plain": 1, "toy/plain[run]": 2}


def test_an_evaluation_of_some_tasks_is_not_resumed_as_a_whole_one(files):
    with pytest.raises(MismatchError, match=r"was begun differently \(benchmark name was 'toy/plain\[run\]'"):
        evaluate_toy(files / "same.jsonl", resume=True)
