"""Praxia's benchmarks in vla-evaluation-harness, which is represented by its interface as `vla-eval` 0.8.0 has it.

`tests/peers/vla_eval_peer.py` runs the same with the harness itself.
"""

import asyncio
import importlib
import json
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import pytest
import toy_benchmark
from toy_benchmark import BENCHMARK, build, draw_start, evaluate_toy, family
from toy_world import EMBODIMENT

from praxia.core.errors import MismatchError, MissingPackage, PraxiaError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import Decision, Observation, Query
from praxia.core.window import Window
from praxia.envs import ENVS
from praxia.evaluation import BENCHMARKS
from praxia.rollout.slots import LocalSlots


class Interface(ABC):
    """What a class must implement to be a benchmark of the harness."""

    @abstractmethod
    def get_tasks(self): ...

    @abstractmethod
    async def start_episode(self, task, recorder=None): ...

    @abstractmethod
    async def apply_action(self, action): ...

    @abstractmethod
    async def get_observation(self): ...

    @abstractmethod
    async def is_done(self): ...

    @abstractmethod
    async def get_time(self): ...

    @abstractmethod
    async def get_result(self): ...


@dataclass(frozen=True)
class DimSpec:
    name: str
    dims: int
    format: str
    range: tuple[float, float] | None = None


class Recorder:
    """Keeps what a benchmark records."""

    def __init__(self):
        self.steps, self.frames = [], []

    def record_step(self, **fields):
        self.steps.append(fields)

    def record_video(self, frame):
        self.frames.append(frame)


class Striding:
    """Walks right with noise of its key and stops at 7 m, so that it succeeds where the goal is nearer."""

    embodiment = EMBODIMENT
    privileged = False
    window = Window({"state": (0,), "image.front": (0,)}, horizon=6)

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        return [self._decide(query) for query in queries], carry

    def _decide(self, query):
        noise = generator(query.key, query.step).normal(0, 0.02, (6, 1))
        is_there = query.history[-1].state[0] > 7
        return Decision((0.0 if is_there else 0.4) + noise.astype(np.float32), np.ones(6, bool))


@pytest.fixture
def module(monkeypatch):
    """The adapter's module beside the stand-in of the harness."""
    packages = {name: ModuleType(name) for name in ("vla_eval", "vla_eval.benchmarks")}
    base, specs = ModuleType("vla_eval.benchmarks.base"), ModuleType("vla_eval.specs")
    base.Benchmark, specs.DimSpec = Interface, DimSpec
    for name, one in {**packages, base.__name__: base, specs.__name__: specs}.items():
        monkeypatch.setitem(sys.modules, name, one)
    monkeypatch.delitem(sys.modules, "praxia.integrations.vla_eval", raising=False)
    monkeypatch.setitem(BENCHMARKS, "toy/plain", "toy_benchmark:BENCHMARK")
    monkeypatch.setitem(ENVS, "toy", "toy_benchmark:FAMILY")
    yield importlib.import_module("praxia.integrations.vla_eval")
    del sys.modules["praxia.integrations.vla_eval"]


async def run_episode(benchmark, policy, task, recorder=None):
    """An episode as the harness runs it. Its server executes four actions of each chunk."""
    await benchmark.start_episode(task, recorder=recorder)
    observation, key = await benchmark.get_observation(), task["episode"]
    pending = []
    for step in range(benchmark.get_metadata()["max_steps"]):
        if not pending:
            seen = Observation(observation["images"], observation["state"], observation["task_description"], step / 10)
            (decision,), _ = policy.act([Query((seen,), key, step, 0)], None)
            pending = list(decision.chunk[:4])
        await benchmark.apply_action({"actions": pending.pop(0)})
        if await benchmark.is_done():
            break
        observation = await benchmark.get_observation()
    return {**await benchmark.get_result(), "steps": step + 1}


def run_all(benchmark, episodes):
    tasks = [{**task, "episode_idx": index} for task in benchmark.get_tasks() for index in range(episodes)]
    return [asyncio.run(run_episode(benchmark, Striding(), task)) for task in tasks]


@pytest.mark.parametrize("metric", ["ever", "end"])
def test_episodes_are_those_of_eval(module, tmp_path, monkeypatch, metric):
    monkeypatch.setattr(toy_benchmark, "BENCHMARK", replace(BENCHMARK, metric=metric))
    options = {"episodes": 6, "seed": 3, "benchmark": toy_benchmark.BENCHMARK}
    evaluate_toy(tmp_path / "rows.jsonl", Striding(), make_slots=lambda episodes: LocalSlots(2, build), **options)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    benchmark = module.PraxiaBenchmark("toy/plain", seed=3)
    found = run_all(benchmark, 6)
    assert [(one["start"], one["steps"], one["actions_sha256"]) for one in found] == [
        (row["start"], row["steps"], row["actions_sha256"]) for row in rows
    ]
    assert [one["success"] for one in found] == [row["status"] == "success" for row in rows]
    assert len({one["success"] for one in found}) == 2 or metric == "end"
    benchmark.cleanup()


def test_it_says_what_it_is(module):
    benchmark = module.PraxiaBenchmark("toy/plain")
    suite = {"suite": "toy/plain"}
    assert benchmark.get_tasks() == [{"name": "walk", **suite}, {"name": "run", **suite}]
    assert benchmark.get_metadata() == {"max_steps": 40, "execution_horizon": 4}
    assert benchmark.get_action_spec() == {"move": DimSpec("move", 1, "delta m", (-1.0, 1.0))}
    described = benchmark.get_observation_spec()
    assert described["front"] == DimSpec("image", 0, "rgb_hwc_uint8")
    assert (described["state"].dims, described["state"].format) == (1, "'position' (position [1] m)")
    assert benchmark.get_metric_keys() == {"success": "mean", "progress": "mean"}


def test_an_episode_is_observed_timed_and_recorded(module):
    async def run():
        benchmark, recorder = module.PraxiaBenchmark("toy/plain"), Recorder()
        np.testing.assert_array_equal(benchmark.get_hold_action(None)["actions"], [0])
        await benchmark.start_episode({"name": "run", "episode_idx": 2}, recorder=recorder)
        await benchmark.apply_action({"actions": np.array([0.5], np.float32)})
        observation = await benchmark.get_observation()
        assert (observation["state"].tolist(), observation["task_description"]) == ([0.5], "run")
        assert observation["images"]["front"][0, 0].tolist() == [2, 1, 0]
        assert await benchmark.get_time() == 0.1
        assert recorder.steps == [{"reward": -0.5, "done": False, "success": False}]
        np.testing.assert_array_equal(recorder.frames, [observation["images"]["front"]])
        np.testing.assert_array_equal(benchmark.get_hold_action({"actions": [0.5]})["actions"], [0])

    asyncio.run(run())


def test_only_the_named_cameras_are_rendered(module):
    async def run():
        benchmark = module.PraxiaBenchmark("toy/plain", cameras=[])
        await benchmark.start_episode({"name": "run"}, recorder=Recorder())
        assert (await benchmark.get_observation())["images"] == {}

    asyncio.run(run())


def test_a_crash_ends_its_episode_alone(module, monkeypatch):
    def crashing(task, split, index):
        return draw_start(task, split, index, **({"crash_at": 2} if index == 0 else {}))

    monkeypatch.setattr(toy_benchmark, "FAMILY", family(crashing))
    benchmark = module.PraxiaBenchmark("toy/plain")
    with pytest.raises(PraxiaError, match="RuntimeError: at a step"):
        asyncio.run(run_episode(benchmark, Striding(), {"name": "walk", "episode_idx": 0}))
    assert asyncio.run(run_episode(benchmark, Striding(), {"name": "walk", "episode_idx": 1}))["steps"] > 2


def test_no_start_counts_twice(module, monkeypatch):
    monkeypatch.setattr(toy_benchmark, "FAMILY", family(lambda task, split, index: draw_start(task, split, index % 2)))
    benchmark = module.PraxiaBenchmark("toy/plain")
    for index in (0, 1, 1):
        asyncio.run(benchmark.start_episode({"name": "run", "episode_idx": index}))
    with pytest.raises(PraxiaError, match="expected another start of 'run' as episode 2, got that of 0"):
        asyncio.run(benchmark.start_episode({"name": "run", "episode_idx": 2}))


def test_what_does_not_fit_is_refused(module):
    for name in ("toy/plain/delay-2", "toy/plain/think-4-late-1"):
        with pytest.raises(MismatchError, match=f"since vla-eval waits for each action, got '{name}'"):
            module.PraxiaBenchmark(name)
    with pytest.raises(UnknownName, match="camera of toy/plain 'frnt'"):
        module.PraxiaBenchmark("toy/plain", cameras=["frnt"])

    async def act(action):
        benchmark = module.PraxiaBenchmark("toy/plain")
        await benchmark.start_episode({"name": "run"})
        await benchmark.apply_action({"actions": action})

    for action, reason in (([0.0, 1.0], r"one action \[1\], got \[2\]"), ([np.nan], "not finite"), ([50.0], "widths")):
        with pytest.raises(PraxiaError, match=reason):
            asyncio.run(act(np.array(action, np.float32)))


def test_without_the_harness_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vla_eval.benchmarks.base", None)
    monkeypatch.delitem(sys.modules, "praxia.integrations.vla_eval", raising=False)
    with pytest.raises(MissingPackage, match="needs the package vla_eval: pip install vla_eval"):
        importlib.import_module("praxia.integrations.vla_eval")
