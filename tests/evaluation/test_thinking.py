"""Evaluations of two systems: benchmarks of their own, whose rows depend on the episode and the step alone."""

import json

import numpy as np
import pytest
from toy_benchmark import BENCHMARK, build, evaluate_toy
from toy_thinkers import Follower
from toy_world import EMBODIMENT, job

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.intent import Thinking
from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_factory import PolicyFactory
from praxia.results.leaderboard import leaderboard
from praxia.results.rows import read_rows
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots

RATE = Thinking(4, 3)
THINKS = BENCHMARK.with_thinking(RATE)


def timeless(out):
    return [{**json.loads(line), "wall_s": None} for line in out.read_text().splitlines()]


def test_the_name_says_the_rate_and_the_definition_holds_it():
    assert THINKS.name == "toy/plain/think-4-late-3"
    execution = {"execution_horizon": 1, "ensemble": None, "thinking": {"every": 4, "late": 3}}
    assert THINKS.to_json() == {**BENCHMARK.to_json(), "name": THINKS.name, "execution": execution}
    assert THINKS.untimed is BENCHMARK
    both = BENCHMARK.with_delay(2).with_thinking(RATE)
    assert both.name == "toy/plain/delay-2/think-4-late-3"
    assert both.to_json()["execution"] == {**execution, "delay": 2}
    assert both.of_tasks(["run"]).untimed == BENCHMARK.of_tasks(["run"])


def test_benchmarks_are_found_by_their_rate():
    plain = find_benchmark("bimodal")
    assert find_benchmark("bimodal/think-8-late-4") == plain.with_thinking(Thinking(8, 4))
    found = find_benchmark("bimodal/delay-2/think-8-late-4")
    assert found == plain.with_delay(2).with_thinking(Thinking(8, 4))
    for unknown in (
        "bimodal/think-8",
        "bimodal/think-x-late-1",
        "bimodl/think-8-late-1",
        "bimodal/think-8-late-4/delay-2",
    ):
        with pytest.raises(UnknownName, match="bimodal"):
            find_benchmark(unknown)
    with pytest.raises(PraxiaError, match="got every 4 and late by 5"):
        find_benchmark("bimodal/think-4-late-5")
    with pytest.raises(PraxiaError, match="expected one thinker"):
        find_benchmark("bimodal/think-4-late-4/think-2-late-2")


def test_rows_are_those_of_the_same_starts_and_never_ranked_with_others(tmp_path):
    for name, benchmark, policy in (
        ("plain", BENCHMARK, None),
        ("alone", THINKS, None),
        ("two", THINKS, Follower()),
        ("slower", BENCHMARK.with_thinking(Thinking(8, 3)), Follower()),
    ):
        options = {} if policy is None else {"policy": policy, "policy_sha256": name}
        evaluate_toy(
            tmp_path / f"{name}.jsonl", benchmark=benchmark, make_slots=lambda _: LocalSlots(2, build), **options
        )
    starts = {name: [row.start for row in read_rows(tmp_path / f"{name}.jsonl")] for name in ("plain", "alone", "two")}
    assert starts["plain"] == starts["alone"] == starts["two"]
    tables = leaderboard(tmp_path)["tables"]
    assert {one["benchmark"]: len(one["entries"]) for one in tables} == {
        "toy/plain": 1,
        "toy/plain/think-4-late-3": 2,
        "toy/plain/think-8-late-3": 1,
    }


def test_rows_do_not_depend_on_workers(tmp_path):
    for workers in (1, 2):
        evaluate_toy(tmp_path / f"{workers}.jsonl", benchmark=THINKS, policy=Follower(), exact=True, workers=workers)
    assert timeless(tmp_path / "1.jsonl") == timeless(tmp_path / "2.jsonl")


class Confused(Follower):
    """Its thinker raises an exception."""

    def think(self, queries):
        raise KeyError("front")


def actions_of(policy):
    slots, execution = LocalSlots(1, build), ChunkExecution(1, thinking=RATE)
    (found,) = rollout(policy, slots, [job(0, goal=1e6)], execution=execution, horizon=20)
    return found.actions


def test_another_projects_two_systems_think_at_their_rate_and_say_whose_fault_it_is():
    foreign = PolicyFactory("theirs:make", lambda embodiment: Follower())(EMBODIMENT)
    np.testing.assert_array_equal(actions_of(foreign.policy), actions_of(Follower()))
    confused = PolicyFactory("theirs:make", lambda embodiment: Confused())(EMBODIMENT)
    with pytest.raises(PraxiaError, match="the thinker of theirs:make raised KeyError"):
        actions_of(confused.policy)
