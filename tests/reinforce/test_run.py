import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import toy_point
from toy_point import FAMILY, ppo_run, sac_run

from praxia.checkpoint.expert import TrainedExpert
from praxia.checkpoint.store import load_policy
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import PraxiaError, TrainingError
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.data.dataset import Dataset
from praxia.experts.baselines import UniformPolicy
from praxia.reinforce.run import reinforce
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job
from praxia.studio.report import write_report
from praxia.training.saving import Saver


def local(count):
    return LocalSlots(count, FAMILY.build)


train = partial(reinforce, family=FAMILY, command="praxia reinforce", make_slots=local)


# What a run ends with, but for how long it took and where.
RESULT = ("weights_sha256", "success", "ci95", "success_end", "episodes", "errors", "env_steps", "updates")


def successes(policy, horizon=1):
    """Of 20 test episodes."""
    spec = EnvSpec("point", "reach")
    jobs = [Job(spec, toy_point.draw_start("reach", "test", number), str(number), number) for number in range(20)]
    options = {"execution": ChunkExecution(horizon), "horizon": toy_point.HORIZON, "steps_after_success": None}
    return sum(bool(one.success_ever) for one in rollout(policy, local(2), jobs, **options))


def test_it_learns_what_chance_cannot(tmp_path):
    result = train(sac_run(steps=700), tmp_path / "run")
    assert successes(UniformPolicy(toy_point.EMBODIMENT)) <= 14
    assert result["success"] == 1.0
    assert result["metric"] == "ever"
    assert result["ci95"][0] == pytest.approx(0.8389, abs=1e-4)  # Wilson's of 20 of 20
    assert (result["env_steps"], result["episodes"], result["errors"]) == (700, 20, 0)
    # The folder is that of any policy, and the policy in it is the one that was evaluated.
    policy, identity = load_policy(tmp_path / "run")
    assert identity.weights_sha256 == result["weights_sha256"]
    assert successes(policy, 2) == 20


def test_the_report_shows_its_curves(tmp_path):
    train(sac_run(), tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] // 60 for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["success"] > 0
    assert {"loss", "value", "entropy", "temperature"} <= lines[-1].keys()
    page = write_report([tmp_path / "run"], tmp_path / "page.html").read_text()
    assert "specialist" in page
    assert "Success while it practised" in page


def test_a_specialist_is_an_expert_of_demonstrations(tmp_path):
    trained = train(sac_run(steps=700), tmp_path / "run")
    sha256 = trained["policy_sha256"]
    plan = CollectionPlan("point", ("reach",), 6, toy_point.HORIZON, noise=(0.0, 0.1), expert=sha256)
    assert plan.to_json()["expert"] == sha256
    expert = TrainedExpert(tmp_path / "run", toy_point.EMBODIMENT)
    result = collect(plan, tmp_path / "data", FAMILY, make_expert=expert, make_slots=local)
    assert result["successes"] >= 5
    data = Dataset(tmp_path / "data")
    assert {one["provenance"]["collector"] for one in data.records} == {f"policy {sha256}"}
    # The label is what the policy decided; what was executed is disturbed in every second episode.
    label, executed = data.column("action"), data.column("action.executed")
    first, last = data.episodes.first[:2], data.episodes.first[:2] + data.episodes.length[:2]
    assert [bool((label[a:b] == executed[a:b]).all()) for a, b in zip(first, last, strict=True)] == [True, False]


# Before and after its first update; episodes all of one length, or of many, so that slots are at different steps.
KILLS = [("ends", (60, 200)), ("reach", (90, 180))]


@pytest.mark.slow
@pytest.mark.parametrize(("task", "kills"), KILLS)
def test_a_killed_run_ends_with_the_same_weights(tmp_path, task, kills):
    """Killed by SIGKILL as soon as it has learned from so many steps; with workers, against none at all."""
    expected = train(sac_run(task), tmp_path / "undisturbed")
    out = tmp_path / "killed"
    for kill_at in kills:
        assert kill_at <= int(_practise(out, task, kill_at)) < 240
        assert any(one.name.isdigit() for one in (out / "state").iterdir())
    assert _practise(out, task) == expected["weights_sha256"]


def _practise(out, task, kill_at=None):
    """The last line that a process printed which goes on with a run, killed when it has done so many steps."""
    command = [sys.executable, toy_point.__file__, str(out), task, "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    last = "0"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip()
            if kill_at is not None and last.isdigit() and int(last) >= kill_at:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == (0 if kill_at is None else -signal.SIGKILL)
    return last


@pytest.mark.parametrize("task", ["ends", "reach"])
def test_a_run_that_fails_on_the_way_ends_with_the_same_weights(tmp_path, task):
    expected = train(sac_run(task), tmp_path / "undisturbed")["weights_sha256"]
    for number, fails_at in enumerate((70, 150, 200)):

        def fail(done, planned, text, fails_at=fails_at):
            if done >= fails_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(sac_run(task), tmp_path / "failing", resume=number > 0, report=fail)
    assert train(sac_run(task), tmp_path / "failing", resume=True)["weights_sha256"] == expected


@pytest.mark.parametrize(("task", "make_run"), [("ends", sac_run), ("reach", sac_run), ("ends", ppo_run)])
def test_many_slots_whose_episodes_begin_at_any_time_are_saved(tmp_path, monkeypatch, task, make_run):
    """A state is saved before every decision, wherever the slots are, and leads to the same weights."""
    run = make_run(task, 240)
    run = replace(run, train=replace(run.train, slots=8, episodes=1))
    done = []
    expected = train(run, tmp_path / "undisturbed", report=lambda step, planned, text: done.append(step))
    monkeypatch.setattr(Saver, "due", lambda self: True)
    steps = sorted({step for step in done if 0 < step < 240})
    assert len(steps) > 10
    for number, (before, fails_at) in enumerate(list(pairwise(steps))[2::3]):

        def fail(step, planned, text, fails_at=fails_at):
            if step >= fails_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(run, tmp_path / "failing", resume=number > 0, report=fail)
        assert max(int(one.name) for one in (tmp_path / "failing" / "state").iterdir() if one.name.isdigit()) == before
    assert train(run, tmp_path / "failing", resume=True)["weights_sha256"] == expected["weights_sha256"]


@pytest.mark.slow
def test_the_number_of_workers_does_not_count(tmp_path):
    pooled = train(sac_run(), tmp_path / "pooled", make_slots=None, workers=2)
    here = train(sac_run(), tmp_path / "here")
    assert [pooled[name] for name in RESULT] == [here[name] for name in RESULT]


class OneByOne(LocalSlots):
    """Slots whose results come alone, each when it is ready."""

    def __init__(self, count, build):
        super().__init__(count, build)
        self.found = []

    def ready(self):
        self.found = self.found or super().ready()
        return [self.found.pop(0)]


class Fickle(toy_point.Point):
    """Succeeds or not by the last bit of the last action."""

    def command(self, action):
        return replace(super().command(action), success=bool(action.view(np.uint32)[0] & 1))


@pytest.mark.parametrize("slots", [LocalSlots, OneByOne])
def test_the_result_does_not_depend_on_which_slots_are_ready_together(tmp_path, slots):
    """To the last bit: each episode's success at its end is that of the policy by itself."""
    run = sac_run(steps=40, width=64)
    run = replace(run, train=replace(run.train, slots=4))
    result = train(run, tmp_path / "run", make_slots=lambda count: slots(count, Fickle))
    policy, _ = load_policy(tmp_path / "run")
    spec, start = EnvSpec("point", "reach"), toy_point.draw_start
    jobs = [Job(spec, start("reach", "test", number), str(number), number) for number in range(20)]
    options = {"execution": ChunkExecution(2), "horizon": toy_point.HORIZON, "steps_after_success": None}
    alone = list(rollout(policy, LocalSlots(1, Fickle), jobs, **options))
    assert result["success_end"] == sum(bool(one.success_end) for one in alone) / 20


def test_another_run_is_not_resumed(tmp_path):
    train(sac_run(), tmp_path / "run")
    with pytest.raises(PraxiaError, match="holds a run already; continue it with --resume"):
        train(sac_run(), tmp_path / "run")
    with pytest.raises(PraxiaError, match=r"--learner.tau was 0.02 and is 0.1"):
        train(sac_run(tau=0.1), tmp_path / "run", resume=True)
    run = sac_run()
    often = replace(run, train=replace(run.train, checkpoint_s=9.0, log_every=20))
    assert train(often, tmp_path / "run", resume=True)["env_steps"] == 240


def test_a_run_can_be_lengthened(tmp_path):
    train(sac_run(steps=160), tmp_path / "run")
    longer = train(sac_run(steps=240), tmp_path / "run", resume=True)
    assert longer["weights_sha256"] == train(sac_run(), tmp_path / "whole")["weights_sha256"]


def test_environments_that_always_crash_end_a_run(tmp_path):
    with pytest.raises(TrainingError, match="10 episodes crashed one after the other; the last: RuntimeError"):
        train(sac_run("crashes"), tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"critics": 1}, "--learner.critics of at least 2"),
        ({"discount": 1.0}, "--learner.discount within"),
        ({"temperature": 0.0}, "--learner.temperature above 0, got 0"),
        ({"learning_rate": -1.0}, "--learner.learning-rate above 0, got -1"),
        ({"tau": 0.0}, "--learner.tau above 0, got 0"),
        ({"tau": 1.5}, "--learner.tau of at most 1, got 1.5"),
        ({"updates": float("nan")}, "--learner.updates above 0, got nan"),
    ],
)
def test_options_without_a_meaning_are_refused(options, message):
    with pytest.raises(PraxiaError, match=message):
        sac_run(**options)
    with pytest.raises(PraxiaError, match=r"--train\.repeat of at least 1"):
        replace(sac_run(), train=replace(sac_run().train, repeat=0))
    with pytest.raises(PraxiaError, match=r"--train\.checkpoint-s of at least 0, got -1"):
        replace(sac_run(), train=replace(sac_run().train, checkpoint_s=-1.0))
    with pytest.raises(PraxiaError, match=r"--learner\.clip above 0, got 0"):
        replace(ppo_run(), learner=replace(ppo_run().learner, clip=0.0))


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(PraxiaError, match="expected --workers of at least 1, got 0"):
        reinforce(sac_run(), tmp_path / "run", FAMILY, command="c", workers=0)
    assert not (tmp_path / "run").exists()


def test_a_learning_rate_that_diverges_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"not finite; .*--learner\.learning-rate"):
        train(sac_run(learning_rate=1e30), Path(tmp_path / "run"))
