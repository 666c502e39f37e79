import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_benchmark import (
    BENCHMARK,
    Stroller,
    ToldEnv,
    draw_start,
    evaluate_both,
    evaluate_toy,
    family,
    in_process,
    slow_start,
)
from toy_world import Walker

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import EnvSpec, Start
from praxia.evaluation import compare as comparing
from praxia.evaluation.compare import EvaluatedPolicy, compare, interleave
from praxia.evaluation.plan import Evaluation
from praxia.results.meta import read_meta
from praxia.results.pairs import pair_files, round_robin
from praxia.results.rows import read_rows
from praxia.results.store import read_replay
from praxia.results.verdict import verdict_of

MANY = replace(BENCHMARK, tasks=("walk", "run", "hop", "skip", "crawl"))


def timeless(out: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "wall_s": None} for line in out.read_text().splitlines()]


def outs(folder: Path) -> tuple[Path, Path]:
    return folder / "a.jsonl", folder / "b.jsonl"


def planned(episodes: int, draw: Any = draw_start, tasks: tuple[str, ...] = MANY.tasks) -> list[str]:
    starts = [draw(task, "test", at) for task in tasks for at in range(episodes)]
    return [start.key for start in round_robin(starts, lambda start: start.task)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: Any) -> tuple[Path, Path]:
    """What two evaluations leave, one after the other."""
    paths = outs(tmp_path_factory.mktemp("alone"))
    evaluate_toy(paths[0], Walker(), benchmark=MANY, exact=True)
    evaluate_toy(paths[1], Stroller(), benchmark=MANY, exact=True, policy_sha256="beef", ensemble=0.01)
    return paths


@pytest.mark.parametrize("workers", [1, 2])
def test_side_by_side_they_leave_what_they_leave_alone(tmp_path: Path, alone: tuple[Path, Path], workers: int):
    pairs = list(evaluate_both(outs(tmp_path), benchmark=MANY, exact=True, ensemble=0.01, workers=workers))
    for found, expected in zip(outs(tmp_path), alone, strict=True):
        assert timeless(found) == timeless(expected)
        meta, other = read_meta(found), read_meta(expected)
        assert meta["fingerprint"] == other["fingerprint"]
        assert meta["privileged"] is other["privileged"] is True
        for row in read_rows(found):
            assert read_replay(found, row.start).actions.tobytes() == read_replay(expected, row.start).actions.tobytes()
    assert [a.start for a, _ in pairs] == [b.start for _, b in pairs] == planned(4)
    for number, out in enumerate(outs(tmp_path)):
        assert sorted(map(repr, read_rows(out))) == sorted(repr(pair[number]) for pair in pairs)


def first_is_slow(task: str, split: str, index: int) -> Start:
    slow = (task, index) == ("walk", 0)
    return draw_start(task, split, index, **({"step_s": 0.05, "goal": 1000.0} if slow else {}))


def test_pairs_come_as_planned_and_only_those_behind_a_slow_one_wait(tmp_path: Path):
    """The slow episodes take 2 s each, in separate slots: the others continue meanwhile."""
    pairs = evaluate_both(outs(tmp_path), draw=first_is_slow, benchmark=MANY, workers=2)
    order = planned(4, first_is_slow)
    slow = order.index(first_is_slow("walk", "test", 0).key)
    before = [a.start for a, _ in islice(pairs, slow)]
    assert before == order[:slow]
    a, b = next(pairs)
    assert (a.start, a.status, b.status) == (order[slow], "failure", "failure")
    # Of both policies some, behind it in the plan, had ended before.
    assert min(len(read_rows(out)) for out in outs(tmp_path)) > slow + 1
    assert [a.start for a, _ in pairs] == order[slow + 1 :]


def test_a_stopped_interleaving_keeps_finished_episodes_and_resumes(tmp_path: Path, alone: tuple[Path, Path]):
    pairs = evaluate_both(outs(tmp_path), benchmark=MANY, exact=True, ensemble=0.01)
    shown = list(islice(pairs, 3))
    pairs.close()
    for number, (out, undisturbed) in enumerate(zip(outs(tmp_path), alone, strict=True)):
        rows = read_rows(out)
        assert {pair[number] for pair in shown} <= set(rows)
        assert len(rows) < 20
        starts = [row.start for row in read_rows(undisturbed)]
        assert sorted(rows, key=lambda row: starts.index(row.start)) == rows
    again = list(evaluate_both(outs(tmp_path), benchmark=MANY, exact=True, ensemble=0.01, resume=True))
    assert again[:3] == shown
    assert [timeless(out) for out in outs(tmp_path)] == [timeless(out) for out in alone]


def test_a_finished_evaluation_is_not_run_again(tmp_path: Path, alone: tuple[Path, Path]):
    a, b = outs(tmp_path)
    evaluate_toy(a, Walker(), benchmark=MANY, exact=True)
    old = a.read_bytes()
    pairs = list(evaluate_both((a, b), benchmark=MANY, exact=True, ensemble=0.01, resume=True))
    assert len(pairs) == 20
    assert a.read_bytes() == old
    assert timeless(b) == timeless(alone[1])


def counted_build(spec: EnvSpec) -> ToldEnv:
    with open(os.environ["TOY_BUILDS"], "a") as file:
        file.write(f"{spec.task}\n")
    return ToldEnv(spec)


@pytest.mark.parametrize(("num_tasks", "most"), [(4, 40), (12, 90)])
def test_both_episodes_of_a_start_share_a_simulator_and_of_few_tasks_all_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_tasks: int, most: int
):
    monkeypatch.setenv("TOY_BUILDS", str(tmp_path / "builds"))
    tasks = tuple(f"task-{number}" for number in range(num_tasks))
    benchmark = replace(BENCHMARK, tasks=tasks)
    pairs = list(evaluate_both(outs(tmp_path), benchmark=benchmark, episodes=72 // num_tasks, build=counted_build))
    assert len(pairs) == 72
    built = (tmp_path / "builds").read_text().split()
    assert set(built) == set(tasks)
    # Of 144 episodes: each on its own would build nearly as many.
    assert len(built) <= most


def test_one_policy_is_not_two(tmp_path: Path):
    walker = EvaluatedPolicy(Walker(), Evaluation(BENCHMARK, "f00d", 1), tmp_path / "a.jsonl")
    again = replace(walker, evaluation=replace(walker.evaluation, seed=1), out=tmp_path / "b.jsonl")
    pairs = interleave(walker, again, family())
    with pytest.raises(PraxiaError, match="expected two policies, got the same one twice"):
        next(pairs)
    assert not list(tmp_path.iterdir())


def test_evaluations_must_be_alike_and_neither_is_begun_unless_both_can_be(tmp_path: Path):
    a, b = outs(tmp_path)
    with pytest.raises(PraxiaError, match="one results file per policy"):
        next(evaluate_both((a, a)))
    walker, stroller = (Evaluation(BENCHMARK, digest, 4) for digest in ("f00d", "beef"))
    for change, message in (
        ({"exact": True}, "exact False but True"),
        ({"episodes": 5}, "episodes 4 but 5"),
        ({"control": "swapped-image"}, "control None but 'swapped-image'"),
        ({"benchmark": replace(BENCHMARK, name="toy/other")}, "'toy/plain' but 'toy/other'"),
    ):
        other = EvaluatedPolicy(Stroller(), replace(stroller, **change), b)
        with pytest.raises(MismatchError, match=message):
            next(interleave(EvaluatedPolicy(Walker(), walker, a), other, family()))
    evaluate_toy(b, Stroller())
    with pytest.raises(PraxiaError, match=r"b\.jsonl already holds"):
        next(evaluate_both((a, b)))
    with pytest.raises(MismatchError, match=r"b\.jsonl was begun differently .*policy_sha256"):
        next(evaluate_both((a, b), resume=True))
    assert not a.with_name("a.jsonl.meta.json").exists()


@pytest.mark.slow
def test_a_killed_comparison_resumes_to_the_rows_of_an_undisturbed_one(tmp_path: Path):
    script = [sys.executable, str(Path(__file__).parent / "toy_benchmark.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1] / "rollout"), *sys.path])}
    slow = {**environment, "TOY_SLOWNESS": "20"}  # it is killed long before its end
    a, b = outs(tmp_path)
    with subprocess.Popen([*script, "12", "2", str(a), str(b)], env=slow) as running:
        end = time.monotonic() + 240
        while (not b.exists() or b.stat().st_size == 0) and time.monotonic() < end:
            time.sleep(0.01)
        assert running.poll() is None, "it was done before it could be killed"
        running.send_signal(signal.SIGKILL)
    assert 1 <= sum(out.read_bytes().count(b"\n") for out in (a, b)) < 48
    subprocess.run([*script, "12", "2", str(a), str(b), "--resume"], env=environment, check=True, timeout=240)
    undisturbed = tmp_path / "whole.jsonl"
    evaluate_toy(undisturbed, draw=slow_start, episodes=12, exact=True)
    assert timeless(a) == timeless(undisturbed)
    assert len(timeless(b)) == 24


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


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes of `compared` run in this process."""
    monkeypatch.setattr(comparing, "process_pool", lambda build, workers, slots: in_process(build))


def compared(folder: Path, episodes: int = 16, draw: Callable[..., Start] = draw_start, **more: Any) -> dict[str, Any]:
    return compare(*evaluated_policies(folder, episodes), family(draw), **more)


@pytest.mark.usefixtures("here")
def test_a_fixed_number_of_episodes_is_compared(tmp_path: Path):
    message: list[tuple[int, int, str]] = []
    found = compared(tmp_path, 6, until_decided=False, report=lambda *what: message.append(what))
    assert (found["verdict"], found["pairs"], found["discordant"]) == ("better", 12, [12, 0])
    assert message[-1] == (12, 12, "12 against 0 discordant")
    assert list(found["per_task"].keys() ^ set(BENCHMARK.tasks)) == []


@pytest.mark.usefixtures("here")
def test_until_decided_stops_early_and_the_files_give_the_same_verdict(tmp_path: Path):
    found = compared(tmp_path, until_decided=True)
    assert (found["verdict"], found["discordant"]) == ("better", [found["pairs"], 0])
    files = tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl"
    assert max(len(read_rows(file)) for file in files) < 32
    assert pair_files(*files).stopped
    again = verdict_of(pair_files(*files), until_decided=True)
    assert {**again, "unpaired": 0} == found


@pytest.mark.usefixtures("here")
def test_a_comparison_can_become_until_decided_but_not_fixed_again(tmp_path: Path):
    compared(tmp_path, 2, until_decided=False)
    assert compared(tmp_path, until_decided=True, resume=True)["verdict"] == "better"
    assert pair_files(tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl").stopped
    with pytest.raises(PraxiaError, match="use --until-decided"):
        compared(tmp_path, until_decided=False, resume=True)


@pytest.mark.usefixtures("here")
def test_results_that_were_complete_before_do_not_depend_on_the_decision(tmp_path: Path):
    compared(tmp_path, until_decided=False)
    compared(tmp_path, until_decided=True, resume=True)
    assert not pair_files(tmp_path / "walker.jsonl", tmp_path / "sleeper.jsonl").stopped


def test_the_verdict_does_not_depend_on_workers_or_slow_episodes(tmp_path: Path):
    def lame(task: str, split: str, index: int) -> Start:
        return draw_start(task, split, index, **({"goal": 1000.0, "step_s": 0.002} if index % 3 == 0 else {}))

    verdicts = [compared(tmp_path / str(workers), until_decided=True, draw=lame, workers=workers) for workers in (1, 2)]
    assert verdicts[0] == verdicts[1]
    assert 0 < verdicts[0]["discordant"][0] < verdicts[0]["pairs"]


@pytest.mark.usefixtures("here")
def test_a_stopped_comparison_continues(tmp_path: Path):
    undisturbed = compared(tmp_path / "undisturbed", 6, until_decided=False)

    class Stopped(Exception):
        pass

    def stop(done: int, planned: int, text: str) -> None:
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        compared(tmp_path / "stopped", 6, until_decided=False, report=stop)
    with pytest.raises(PraxiaError, match="--resume"):
        compared(tmp_path / "stopped", 6, until_decided=False)
    assert compared(tmp_path / "stopped", 6, until_decided=False, resume=True) == undisturbed
    rows = [
        [{**json.loads(line), "wall_s": None} for line in (tmp_path / name / "walker.jsonl").read_text().splitlines()]
        for name in ("undisturbed", "stopped")
    ]
    assert rows[0] == rows[1]


def test_a_comparison_has_one_episode_per_start(tmp_path: Path):
    with pytest.raises(PraxiaError, match="expected one episode per start in a comparison, got 2 repeats"):
        list(evaluate_both((tmp_path / "a.jsonl", tmp_path / "b.jsonl"), repeats=2))
    assert not list(tmp_path.iterdir())
