"""The study of delays, end to end at a small scale, with the remedies that need no training of their own."""

from dataclasses import replace

import numpy as np
import pytest

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import ChunkExecution, Decision, Observation, Query
from praxia.core.window import Window
from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes import find_recipe
from praxia.results.rows import read_rows
from praxia.rollout.corrected import correcting
from praxia.rollout.types import Agent
from praxia.studies import delay as module
from praxia.studies.stages import Stages
from praxia.training.config import TrainRun


@pytest.mark.slow
def test_remedies_are_compared_at_four_delays_on_the_same_starts(tmp_path, monkeypatch):
    small = replace(module.ARENAS["bimodal"], remedies=("ensembling", "rtc-identity", "trained-prefix"))
    monkeypatch.setitem(module.ARENAS, "bimodal", small)
    found = module.delay(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, arena="bimodal")
    assert (found["arena"], found["chunk"]) == ("bimodal", 8)
    rows = {(row["method"], row["delay"]): row for row in found["rows"]}
    untrained = {(method, delay) for method in ("naive", "ensembling", "rtc-identity") for delay in (0, 2, 4, 8)}
    assert set(rows) == untrained | {("trained-prefix", delay) for delay in (0, 2, 4)}
    keys = {"method", "delay", "success", "ci95", "starved", "age", "observation_hz", "cost_of_base", "verdict"}
    for (method, delay), row in rows.items():
        assert set(row) == keys
        assert row["ci95"][0] <= row["success"] <= row["ci95"][1]
        assert (row["age"] is None) == (delay == 0)
        assert (row["verdict"] is None) == (method == "naive")
        assert row["cost_of_base"] > 0
        assert delay > 4 or row["starved"] == 0
    assert rows["naive", 4]["cost_of_base"] == 1
    # At once ensembling decides at each of the eight steps of a chunk.
    assert rows["ensembling", 0]["observation_hz"] == 8 * rows["naive", 0]["observation_hz"]
    starts = {
        tuple(row.start for row in read_rows(tmp_path / f"eval-{method}-{delay}.jsonl")) for method, delay in rows
    }
    assert len(starts) == 1
    page = (tmp_path / "report.html").read_text()
    for text in ("Delay on bimodal", "bimodal/delay-4", "against naive"):
        assert text in page, text


class Corrected:
    """Counts the steps at which chunks of eight are decided, and corrects nothing."""

    window, privileged = Window({"state": (0,)}, horizon=8), False
    embodiment = Embodiment("dot", (), (Field("move", 1, "delta", "m"),), (), 10.0)

    def __init__(self):
        self.decided = []

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        self.decided += [query.step for query in queries]
        return [Decision(np.zeros((8, 1), np.float32), np.ones(8, bool)) for _ in queries], carry

    def correct(self, queries, actions, indices, decided):
        return actions


@pytest.mark.parametrize(("horizon", "delay"), [(8, 0), (4, 0), (8, 2), (8, 4), (8, 8), (3, 4), (16, 2)])
def test_the_cost_of_a_corrected_policy_counts_its_chunks_as_often_as_they_are_decided(horizon, delay):
    policy, execution = Corrected(), ChunkExecution(horizon, delay=delay)
    agent = correcting(Agent(policy, execution))
    carry = agent.policy.start(1)
    for step in range(60):
        seen = Observation({}, np.zeros(0, np.float32), "", step / 10)
        _, carry = agent.policy.act([Query((seen,), "k", step, 0)], carry)
    assert set(np.diff(policy.decided[1:])) == {module._decides_every(execution, 8)}


@pytest.mark.parametrize("arena", module.ARENAS)
def test_the_study_trains_a_run_of_each_remedy_that_has_a_policy_of_its_own(arena, tmp_path, monkeypatch):
    runs, setting = {}, module.ARENAS[arena]
    monkeypatch.setattr(Stages, "train", lambda self, name, recipe, run, data: runs.update({name: run}))
    stages = Stages(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None)
    horizon = module._train(stages, setting, list(module.REMEDIES.values()))
    plain = runs["naive"]
    assert plain == find_recipe(setting.recipe)()
    assert set(runs) == {"naive", "trained-prefix", "rolled-forward", "corrected"}
    assert all(isinstance(run, TrainRun) for run in runs.values())
    assert runs["trained-prefix"].model.longest_delay == horizon // 2
    assert runs["rolled-forward"].model.longest_delay == horizon // 2
    assert runs["corrected"].model.policy == plain.model


@pytest.mark.slow
def test_a_corrected_policy_is_trained_evaluated_and_costed_under_a_delay(tmp_path, monkeypatch):
    run = find_recipe("flow-bimodal")()
    run = replace(run, train=replace(run.train, batch_size=2))
    monkeypatch.setattr(module, "find_recipe", lambda name: lambda: run)
    setting = replace(module.ARENAS["bimodal"], demonstrations=1, episodes=1)
    stages = Stages(tmp_path, seed=0, workers=1, scale=1e-6, report=lambda *_: None)
    stages.collect("data", find_benchmark(setting.benchmark), setting.demonstrations)
    remedies = [module.REMEDIES[name] for name in ("naive", "corrected")]
    module._train(stages, setting, remedies)
    naive, corrected = (module._row(stages, setting, remedy, 2) for remedy in remedies)
    assert (naive["age"], naive["observation_hz"]) == (3.5, 2.5)
    assert (corrected["age"], corrected["observation_hz"]) == (0, 10)
    assert corrected["cost_of_base"] > 0
    with pytest.raises(MismatchError, match="do not say what its state will be"):
        module._train(stages, setting, [module.REMEDIES["rolled-forward"]])


def row(method, delay, success, verdict=None):
    return {"method": method, "delay": delay, "success": success, "verdict": verdict}


def test_a_remedy_must_win_back_half_by_a_verdict():
    naive = [row("naive", 0, 0.9), row("naive", 4, 0.5)]

    def passes(*more):
        return module._verdict([*naive, *more], 4)[0]

    assert passes(row("rtc", 4, 0.7, "better"))
    assert not passes(row("rtc", 4, 0.69, "better"))
    assert not passes(row("rtc", 4, 0.8, "undecided"))
    assert not passes(row("rtc", 2, 0.8, "better"))
    # Where nothing was lost there is nothing to win back.
    assert not module._verdict([row("naive", 0, 0.9), row("naive", 4, 0.9), row("rtc", 4, 0.95, "better")], 4)[0]


def test_an_unknown_arena_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="tabletop"):
        module.delay(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, arena="tabeltop")
