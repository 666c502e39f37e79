import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from imagined import Imagined
from toy_benchmark import BENCHMARK, ToldEnv, build, draw_start, evaluate_toy, family, slow_start
from toy_world import EMBODIMENT, Walker

from praxia.core.embodiment import Camera
from praxia.core.errors import CheckFailed, MismatchError, PraxiaError, UnknownName
from praxia.core.types import Start
from praxia.evaluation import results_writer
from praxia.experts.baselines import UniformPolicy
from praxia.results.meta import read_meta
from praxia.results.rows import actions_digest, read_rows
from praxia.results.statistics import wilson_interval
from praxia.results.store import read_replay
from praxia.rollout.slots import LocalSlots


def timeless(out: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "wall_s": None} for line in out.read_text().splitlines()]


def test_rows_are_ordered_by_task_and_start_and_record_the_outcome(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    summary = evaluate_toy(out)
    rows = read_rows(out)
    starts = [draw_start(task, "test", index) for task in BENCHMARK.tasks for index in range(4)]
    assert [row.start for row in rows] == [start.key for start in starts]
    assert (summary["episodes"], summary["errors"], summary["success"]) == (8, 0, 1.0)
    assert list(summary["per_task"]) == list(BENCHMARK.tasks)
    assert summary["fingerprint"] == read_meta(out)["fingerprint"]
    assert summary["fingerprint"]["benchmark"]["horizon"] == 40


def test_any_episode_can_be_replayed_from_what_is_kept(tmp_path: Path):
    evaluate_toy(tmp_path / "f.jsonl")
    for row in read_rows(tmp_path / "f.jsonl"):
        kept = read_replay(tmp_path / "f.jsonl", row.start)
        assert actions_digest(kept.actions) == row.actions_sha256
        env = ToldEnv(kept.spec)
        env.reset(kept.start)
        successes = [env.command(action).success for action in kept.actions]
        assert successes.index(True) + 1 == row.success_step == row.steps
        # The toy's steps are deltas within [-1, 1] m.
        assert row.path_length == pytest.approx(np.abs(np.clip(kept.actions.astype(np.float64), -1, 1)).sum())
        assert row.jerk == pytest.approx(
            np.sqrt(np.mean(np.diff(kept.actions[:, 0].astype(np.float64), n=2) ** 2)) * 1000
        )


def test_an_evaluation_runs_in_any_vector_environment(tmp_path: Path):
    evaluate_toy(tmp_path / "here.jsonl", make_slots=lambda num_episodes: LocalSlots(1, build))
    evaluate_toy(tmp_path / "there.jsonl", workers=1)
    assert timeless(tmp_path / "here.jsonl") == timeless(tmp_path / "there.jsonl")
    asked: list[int] = []

    def imagine(num_episodes: int) -> Imagined:
        asked.append(num_episodes)
        return Imagined()

    assert evaluate_toy(tmp_path / "imagined.jsonl", make_slots=imagine)["success"] == 1.0
    assert asked == [8]


class Sociable(Walker):
    """A policy whose actions depend on the batch size, as those of batched arithmetic do."""

    def act(self, queries: Any, carry: Any) -> Any:
        decisions, carry = super().act(queries, carry)
        return [replace(one, chunk=one.chunk + np.float32(0.001 * len(queries))) for one in decisions], carry


def test_exact_rows_do_not_depend_on_workers_or_order(tmp_path: Path):
    first = tmp_path / "1.jsonl"
    evaluate_toy(first, Sociable(), exact=True)
    for workers in (2, 4):
        out = tmp_path / f"{workers}.jsonl"
        evaluate_toy(out, Sociable(), workers=workers, exact=True)
        assert timeless(out) == timeless(first)
    evaluate_toy(
        tmp_path / "order.jsonl", Sociable(), exact=True, benchmark=replace(BENCHMARK, tasks=BENCHMARK.tasks[::-1])
    )
    assert timeless(tmp_path / "order.jsonl") == timeless(first)[4:] + timeless(first)[:4]
    evaluate_toy(tmp_path / "batched.jsonl", Sociable())
    assert timeless(tmp_path / "batched.jsonl") != timeless(first), "a policy that would not show it"


def test_renderer_and_simulator_are_determined_once(monkeypatch: pytest.MonkeyPatch):
    known = results_writer.provenance(family())
    monkeypatch.setattr(results_writer, "run_in_subprocess", None)
    assert results_writer.provenance(family()) == known == {"gl_vendor": "none"}


def test_more_episodes_extend_an_evaluation(tmp_path: Path):
    evaluate_toy(tmp_path / "grown.jsonl", episodes=2)
    texts: list[str] = []
    evaluate_toy(tmp_path / "grown.jsonl", episodes=3, resume=True, report=lambda done, total, text: texts.append(text))
    evaluate_toy(tmp_path / "whole.jsonl", episodes=3)
    assert texts[0] == "4 episodes recovered"
    assert len(texts) == 1 + 2
    assert timeless(tmp_path / "grown.jsonl") == timeless(tmp_path / "whole.jsonl")
    assert read_meta(tmp_path / "grown.jsonl")["planned"] == 6
    with pytest.raises(MismatchError, match="2 more episodes"):
        evaluate_toy(tmp_path / "grown.jsonl", episodes=2, resume=True)


def crash_at_two(task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, **({"crash_at": 3} if index == 2 else {}))


def test_a_crash_is_an_error_row_and_no_failure(tmp_path: Path):
    summary = evaluate_toy(tmp_path / "f.jsonl", draw=crash_at_two)
    assert (summary["episodes"], summary["errors"], summary["success"]) == (8, 2, 1.0)
    errors = [row for row in read_rows(tmp_path / "f.jsonl") if row.status == "error"]
    assert [row.error for row in errors] == ["RuntimeError: at a step"] * 2


def test_where_every_episode_is_an_error_nothing_was_measured(tmp_path: Path):
    def crash(task: str, split: str, index: int) -> Start:
        return draw_start(task, split, index, crash_at=3)

    for resume in (False, True):
        with pytest.raises(CheckFailed, match=r"each of 8 episodes .* the first: RuntimeError: at a step\.") as caught:
            evaluate_toy(tmp_path / "f.jsonl", draw=crash, resume=resume)
        assert (caught.value.result["errors"], caught.value.result["success"]) == (8, None)
        assert len(read_rows(tmp_path / "f.jsonl")) == 8, "what was recorded is kept"


def test_a_policy_at_fault_fails_and_its_row_names_the_fault(tmp_path: Path):
    class Degrees(Walker):
        def _decide(self, query: Any) -> Any:
            decision = super()._decide(query)
            return replace(decision, chunk=decision.chunk * 57) if query.key == first else decision

    first = f"0/{draw_start('walk', 'test', 0).key}"
    summary = evaluate_toy(tmp_path / "f.jsonl", Degrees())
    assert (summary["episodes"], summary["errors"], summary["faults"], summary["success"]) == (8, 0, 1, 7 / 8)
    error = read_rows(tmp_path / "f.jsonl")[0].error
    assert error is not None
    assert re.search(r"the policy gave .* declared within \[-1, 1\].* at step 0$", error)


def die_at_two(task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, **({"die_at": 3} if index == 2 and task == "run" else {}))


def test_an_episode_that_kills_its_workers_costs_error_rows_and_not_the_evaluation(tmp_path: Path):
    summary = evaluate_toy(tmp_path / "f.jsonl", draw=die_at_two, episodes=6, workers=1)
    assert summary["episodes"] == 12
    assert 1 <= summary["errors"] <= 4
    assert summary["success"] == 1.0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path, workers: int):
    def kill_one(done: int, planned: int, text: str) -> None:
        if done == 3:
            child = next(one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline()))
            killed.append(child)
            child.kill()

    killed: list[psutil.Process] = []
    evaluate_toy(tmp_path / "whole.jsonl", draw=slow_start)
    evaluate_toy(tmp_path / "f.jsonl", draw=slow_start, workers=workers, exact=True, report=kill_one)
    assert len(killed) == 1
    assert timeless(tmp_path / "f.jsonl") == timeless(tmp_path / "whole.jsonl")


def test_the_metric_end_uses_the_last_step(tmp_path: Path):
    class Blaster(Walker):
        def _decide(self, query: Any) -> Any:
            return replace(super()._decide(query), chunk=np.ones((4, 1), np.float32))

    ever = evaluate_toy(tmp_path / "ever.jsonl", Blaster())
    end = evaluate_toy(tmp_path / "end.jsonl", Blaster(), benchmark=replace(BENCHMARK, metric="end"))
    assert (ever["success"], end["success"]) == (1.0, 0.0)
    assert {row.steps for row in read_rows(tmp_path / "end.jsonl")} == {40}


def test_a_shuffled_instruction_is_that_of_another_task(tmp_path: Path):
    policy = Walker()
    evaluate_toy(tmp_path / "f.jsonl", policy, control="shuffled-instruction")
    row = read_rows(tmp_path / "f.jsonl")[0]
    assert (row.task, row.control) == ("walk", "shuffled-instruction")
    instructions = {query.key: query.history[-1].instruction for batch in policy.batches for query in batch}
    assert instructions[f"0/{row.start}"] == "please run"
    with pytest.raises(PraxiaError, match="different instructions"):
        evaluate_toy(
            tmp_path / "g.jsonl", control="shuffled-instruction", benchmark=replace(BENCHMARK, tasks=("walk",))
        )


def stalls(task: str, split: str, index: int) -> Start:
    """The odd ones are out of reach; those of "run" are half done by then."""
    return draw_start(task, split, index, **({"goal": 1000.0, "half_done": task == "run"} if index % 2 else {}))


def test_rows_record_progress_and_groups_are_summarised(tmp_path: Path):
    benchmark = replace(BENCHMARK, axis="task", groups={"fast": ("run",), "slow": ("walk",)})
    summary = evaluate_toy(tmp_path / "f.jsonl", draw=stalls, benchmark=benchmark)
    done = [(row.task, row.progress) for row in read_rows(tmp_path / "f.jsonl")]
    assert done == [("walk", 1.0), ("walk", 0.0)] * 2 + [("run", 1.0), ("run", 0.5)] * 2
    assert [(name, one["success"], one["progress"]) for name, one in summary["per_group"].items()] == [
        ("fast", 0.5, 0.75),
        ("slow", 0.5, 0.5),
    ]


def test_the_swapped_image_is_a_wrapper_of_the_environment(tmp_path: Path):
    evaluate_toy(tmp_path / "f.jsonl", control="swapped-image", episodes=1)
    (first, _) = read_rows(tmp_path / "f.jsonl")
    assert read_replay(tmp_path / "f.jsonl", first.start).spec.wrappers == ("swapped-image",)


def test_an_unknown_control_names_the_nearest(tmp_path: Path):
    with pytest.raises(UnknownName, match="swapped-image"):
        evaluate_toy(tmp_path / "f.jsonl", control="swaped-image")
    assert not (tmp_path / "f.jsonl").exists()


def test_a_policy_for_another_embodiment_is_refused_naming_both(tmp_path: Path):
    policy = Walker()
    policy.embodiment = replace(EMBODIMENT, name="crawler")
    with pytest.raises(MismatchError, match=r"'crawler'.*'toy'"):
        evaluate_toy(tmp_path / "f.jsonl", policy)


def test_a_policy_for_other_images_is_refused_naming_both(tmp_path: Path):
    policy = Walker()
    policy.embodiment = replace(EMBODIMENT, cameras=(Camera("front", 96, 96),))
    with pytest.raises(MismatchError, match="front 96x96 but front 8x8"):
        evaluate_toy(tmp_path / "f.jsonl", policy)
    with pytest.raises(MismatchError, match=r"camera 'wrist'.*has front"):
        evaluate_toy(tmp_path / "f.jsonl", Walker(cameras=("wrist",)))


def test_a_policy_without_an_embodiment_fits(tmp_path: Path):
    policy = Walker(cameras=())
    policy.embodiment = None
    assert evaluate_toy(tmp_path / "f.jsonl", policy)["success"] == 1.0


def test_another_policy_does_not_resume_these_rows(tmp_path: Path):
    evaluate_toy(tmp_path / "f.jsonl")
    with pytest.raises(MismatchError, match=r"policy_sha256 was 'f00d', is 'beef'"):
        evaluate_toy(tmp_path / "f.jsonl", policy_sha256="beef", resume=True)
    with pytest.raises(PraxiaError, match="--resume"):
        evaluate_toy(tmp_path / "f.jsonl")


def test_results_identified_by_weights_alone_are_read_but_not_resumed(tmp_path: Path):
    """It is unknown with which config the weights were evaluated."""
    out = tmp_path / "f.jsonl"
    evaluate_toy(out, policy_sha256="aaaa")
    about = tmp_path / "f.jsonl.meta.json"
    meta = json.loads(about.read_text())
    del meta["fingerprint"]["weights_sha256"], meta["fingerprint"]["sampling"]
    about.write_text(json.dumps(meta))
    before = out.read_bytes()
    assert {row.policy_sha256 for row in read_rows(out)} == {"aaaa"}
    with pytest.raises(MismatchError, match=r"f\.jsonl was begun by an earlier version .*another --out"):
        evaluate_toy(out, policy_sha256="beef", weights_sha256="aaaa", resume=True)
    assert out.read_bytes() == before
    # A policy without weights was known by the same as today.
    evaluate_toy(out, policy_sha256="aaaa", resume=True)


def test_an_ensembled_evaluation_is_recorded_and_resumed_only_as_such(tmp_path: Path):
    class Hasty(Walker):
        """Predicts a step of 1 m, then none: the mean of both is half a metre."""

        def _decide(self, query: Any) -> Any:
            return replace(super()._decide(query), chunk=np.array([[1], [0], [0], [0]], np.float32))

    evaluate_toy(tmp_path / "plain.jsonl", Hasty())
    evaluate_toy(tmp_path / "f.jsonl", Hasty(), ensemble=0.0)
    row = read_rows(tmp_path / "f.jsonl")[0]
    np.testing.assert_allclose(read_replay(tmp_path / "f.jsonl", row.start).actions[:3, 0], [1, 1 / 2, 1 / 3])
    plain, found = (read_meta(tmp_path / f"{name}.jsonl")["fingerprint"] for name in ("plain", "f"))
    assert plain["execution"] == plain["benchmark"]["execution"] == {"execution_horizon": 4, "ensemble": None}
    assert found == {**plain, "execution": {"execution_horizon": 1, "ensemble": 0.0}}
    evaluate_toy(tmp_path / "f.jsonl", Hasty(), ensemble=0.0, resume=True)
    for ensemble, expected in ((None, "execution_horizon was 1, is 4, ensemble was 0.0, is None"), (0.01, "is 0.01")):
        with pytest.raises(MismatchError, match=rf"\(execution .*{expected}\)"):
            evaluate_toy(tmp_path / "f.jsonl", Hasty(), ensemble=ensemble, resume=True)


def test_a_rate_that_is_no_number_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(PraxiaError, match="finite rate"):
        evaluate_toy(tmp_path / "f.jsonl", ensemble=math.nan)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_killed_evaluations_resume_to_the_rows_of_an_undisturbed_one(tmp_path: Path):
    script = [sys.executable, str(Path(__file__).parent / "toy_benchmark.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1] / "rollout"), *sys.path])}
    slow = {**environment, "TOY_SLOWNESS": "20"}  # it is killed long before its end
    out, undisturbed = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    observation_steps = random.Random(0)
    for attempt in range(3):
        arguments = ["12", "2", str(out), *(["--resume"] if attempt else [])]
        with subprocess.Popen([*script, *arguments], env=slow) as running:
            seen = out.stat().st_size if out.exists() else 0
            end = time.monotonic() + 240
            while (not out.exists() or out.stat().st_size == seen) and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(observation_steps.uniform(0, 0.1))
            assert running.poll() is None, "it was done before it could be killed"
            running.send_signal(signal.SIGKILL)
    survivors = out.read_bytes().count(b"\n")
    assert 3 <= survivors < 24
    for path, extra in ((out, ["--resume"]), (undisturbed, [])):
        subprocess.run([*script, "12", "1", str(path), *extra], env=environment, check=True, timeout=240)
    assert len(timeless(out)) == 24
    assert timeless(out) == timeless(undisturbed)


def test_a_resumed_evaluation_runs_the_repeats_that_are_missing(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    evaluate_toy(out, episodes=3)
    once = timeless(out)
    summary = evaluate_toy(out, episodes=3, repeats=2, resume=True)
    rows = read_rows(out, repeats=True)
    assert [row.repeat for row in rows] == [0, 1] * 6
    assert timeless(out)[::2] == once
    assert read_meta(out)["planned"] == 12
    # Episodes from one start are no independent ones: the interval is that of six starts.
    assert summary["episodes"] == 12
    assert summary["ci95"] == pytest.approx(list(wilson_interval(6, 6)))
    with pytest.raises(MismatchError, match="6 more episodes than this evaluation has: resume with more repeats"):
        evaluate_toy(out, episodes=3, resume=True)


def test_repeats_have_noise_of_their_own(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    evaluate_toy(out, UniformPolicy(EMBODIMENT), episodes=2, repeats=2)
    rows = read_rows(out, repeats=True)
    assert len({row.actions_sha256 for row in rows}) == len(rows) == 8
    for row in rows:
        assert actions_digest(read_replay(out, *row.episode).actions) == row.actions_sha256
