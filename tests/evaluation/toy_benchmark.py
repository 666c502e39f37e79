"""A benchmark over the toy world of the rollout's tests. Run as a script it evaluates: something to kill.

python toy_benchmark.py EPISODES WORKERS OUT [OUT] [--resume]; steps take TOY_SLOWNESS times as long
"""

import os
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from toy_world import EMBODIMENT, ToyEnv, Walker

from praxia.core.embodiment import Embodiment
from praxia.core.keys import generator
from praxia.core.types import ChunkExecution, Decision, EnvSpec, Outcome, Query, Start
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compare import EvaluatedPolicy, interleave
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.runner import SLOTS_PER_WORKER, evaluate
from praxia.results.rows import Row
from praxia.rollout.slots import LocalSlots

BENCHMARK = Benchmark(
    name="toy/plain",
    summary="walk on a line",
    env="toy",
    tasks=("walk", "run"),
    horizon=40,
    execution=ChunkExecution(4),
    cameras=("front",),
    size=8,
    profile="plain",
    state="position",
    metric="ever",
)


class ToldEnv(ToyEnv):
    """The toy world, which also tells the instruction that a wrapper gave it, and can be slow."""

    def observe(self, cameras: Any) -> Any:
        observation = super().observe(cameras)
        instructions = [name.removeprefix("instruct:") for name in self.spec.wrappers if name.startswith("instruct:")]
        return type(observation)(
            observation.images, observation.state, *(instructions or [self.spec.task]), observation.time_s
        )

    def command(self, action: np.ndarray) -> Outcome:
        time.sleep(self.payload.get("step_s", 0) * float(os.environ.get("TOY_SLOWNESS", 1)))
        outcome = super().command(action)
        return replace(outcome, progress=0.5) if self.payload.get("half_done") else outcome


def build(spec: EnvSpec) -> ToldEnv:
    return ToldEnv(spec)


def draw_start(task: str, split: str, index: int, **flags: Any) -> Start:
    goal = float(generator(task, split, index).uniform(2, 12))
    return Start("toy", task, {"number": index, "goal": goal, **flags})


def slow_start(task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, step_s=0.005)


def task_name(name: str) -> str:
    return name


def embodiment(spec: EnvSpec) -> Embodiment:
    return EMBODIMENT


def provenance() -> dict[str, Any]:
    return {"gl_vendor": "none"}


def other_instruction(start: Start) -> str:
    return f"please do not {start.task}"


def horizon(task: str) -> int:
    return 60


def family(draw: Any = draw_start, other: Any = None) -> EnvFamily:
    instructions = {"walk": "please walk", "run": "please run"}
    return EnvFamily(
        "toy",
        instructions,
        task_name,
        draw,
        embodiment,
        build,
        provenance,
        tuple(instructions),
        horizon,
        other_instruction=other,
    )


FAMILY = family()


def in_process(build: Any) -> Any:
    """The environments of one worker, in this process: one of its own takes a second to start."""
    return lambda num_episodes: LocalSlots(SLOTS_PER_WORKER, build)


def evaluate_toy(
    out: Path, policy: Any = None, draw: Any = draw_start, episodes: int = 4, **options: Any
) -> dict[str, Any]:
    """Episodes run in this process, or in as many `workers` as are asked for."""
    running = {name: options.pop(name) for name in ("workers", "make_slots", "resume", "report") if name in options}
    if "workers" not in running:
        running.setdefault("make_slots", in_process(build))
    options = {"benchmark": BENCHMARK, "policy_sha256": "f00d", "episodes": episodes, **options}
    return evaluate(policy or Walker(), Evaluation(**options), out, family(draw), **running)


class Stroller(Walker):
    """Takes half a step, blind."""

    def __init__(self) -> None:
        super().__init__(cameras=())

    def _decide(self, query: Query) -> Decision:
        decision = super()._decide(query)
        return replace(decision, chunk=decision.chunk / 2)


def evaluate_both(
    outs: tuple[Path, Path], draw: Any = draw_start, episodes: int = 4, build: Any = build, **options: Any
) -> Generator[tuple[Row, Row], None, None]:
    """A walker beside a stroller; `ensemble` is the stroller's. Episodes run as those of `evaluate_toy` do."""
    running = {name: options.pop(name) for name in ("workers", "resume") if name in options}
    if "workers" not in running:
        running["make_slots"] = in_process(build)
    options = {"benchmark": BENCHMARK, "episodes": episodes, **options}
    walker = Evaluation(policy_sha256="f00d", **{**options, "ensemble": None})
    stroller = Evaluation(policy_sha256="beef", **options)
    evaluated_policies = EvaluatedPolicy(Walker(), walker, outs[0]), EvaluatedPolicy(Stroller(), stroller, outs[1])
    return interleave(*evaluated_policies, replace(family(draw), build=build), **running)


def main(episodes: str, workers: str, *outs: str) -> None:
    options: Any = {"draw": slow_start, "episodes": int(episodes), "workers": int(workers), "exact": True}
    options["resume"] = outs[-1] == "--resume"
    paths = [Path(out) for out in outs if out != "--resume"]
    if len(paths) == 1:
        evaluate_toy(paths[0], **options)
    else:
        for _ in evaluate_both((paths[0], paths[1]), **options):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
