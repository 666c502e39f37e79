import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_benchmark import BENCHMARK, draw_start, family
from toy_world import Walker

from praxia.core.errors import PraxiaError
from praxia.core.types import Start
from praxia.evaluate.compare import compare
from praxia.evaluate.interleaved import EvaluatedPolicy
from praxia.evaluate.plan import Evaluation
from praxia.results.pairs import pair_files
from praxia.results.rows import read_rows
from praxia.results.verdict import verdict_of


class Sleeper(Walker):
    """Never moves."""

    def _decide(self, query: Any) -> Any:
        decision = super()._decide(query)
        return replace(decision, chunk=np.zeros_like(decision.chunk))


def evaluated_policies(folder: Path, episodes: int) -> tuple[EvaluatedPolicy, EvaluatedPolicy]:
    folder.mkdir(exist_ok=True)
    return (
        EvaluatedPolicy(Walker(), Evaluation(BENCHMARK, "f00d", episodes, exact=True), folder / "walker.jsonl"),
        EvaluatedPolicy(Sleeper(), Evaluation(BENCHMARK, "beef", episodes, exact=True), folder / "sleeper.jsonl"),
    )


def compared(folder: Path, episodes: int = 16, draw: Callable[..., Start] = draw_start, **more: Any) -> dict[str, Any]:
    return compare(*evaluated_policies(folder, episodes), family(draw), **more)


def test_a_fixed_number_of_episodes_is_run_and_judged(tmp_path: Path):
    said: list[tuple[int, int, str]] = []
    found = compared(tmp_path, 6, until_decided=False, report=lambda *what: said.append(what))
    assert (found["verdict"], found["pairs"], found["discordant"]) == ("better", 12, [12, 0])
    assert said[-1] == (12, 12, "12 against 0 discordant")
    assert list(found["per_task"].keys() ^ set(BENCHMARK.tasks)) == []


def test_until_decided_stops_early_and_the_files_give_the_same_verdict(tmp_path: Path):
    found = compared(tmp_path, until_decided=True)
    assert (found["verdict"], found["discordant"]) == ("better", [found["pairs"], 0])
    files = tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl"
    assert max(len(read_rows(file)) for file in files) < 32
    assert pair_files(*files).stopped
    again = verdict_of(pair_files(*files), until_decided=True)
    assert {**again, "unpaired": 0} == found


def test_a_comparison_that_becomes_one_until_decided_says_so_and_cannot_go_back(tmp_path: Path):
    compared(tmp_path, 2, until_decided=False)
    assert compared(tmp_path, until_decided=True, resume=True)["verdict"] == "better"
    assert pair_files(tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl").stopped
    with pytest.raises(PraxiaError, match="use --until-decided"):
        compared(tmp_path, until_decided=False, resume=True)


def test_results_that_were_whole_before_do_not_depend_on_the_decision(tmp_path: Path):
    compared(tmp_path, until_decided=False)
    compared(tmp_path, until_decided=True, resume=True)
    assert not pair_files(tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl").stopped


def test_the_verdict_does_not_depend_on_the_number_of_workers_or_on_who_is_slow(tmp_path: Path):
    def lame(task: str, split: str, index: int) -> Start:
        return draw_start(task, split, index, **({"goal": 1000.0, "step_s": 0.002} if index % 3 == 0 else {}))

    verdicts = [compared(tmp_path / str(workers), until_decided=True, draw=lame, workers=workers) for workers in (1, 2)]
    assert verdicts[0] == verdicts[1]
    assert 0 < verdicts[0]["discordant"][0] < verdicts[0]["pairs"]


def test_a_stopped_comparison_goes_on_where_it_was(tmp_path: Path):
    whole = compared(tmp_path / "whole", 6, until_decided=False)

    class Stopped(Exception):
        pass

    def stop(done: int, planned: int, text: str) -> None:
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        compared(tmp_path / "stopped", 6, until_decided=False, report=stop)
    with pytest.raises(PraxiaError, match="--resume"):
        compared(tmp_path / "stopped", 6, until_decided=False)
    assert compared(tmp_path / "stopped", 6, until_decided=False, resume=True) == whole
    rows = [
        [{**json.loads(line), "wall_s": None} for line in (tmp_path / name / "walker.jsonl").read_text().splitlines()]
        for name in ("whole", "stopped")
    ]
    assert rows[0] == rows[1]
