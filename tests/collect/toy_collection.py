"""A collection in the toy world of the rollout's tests. Run as a script it collects: something to kill.

python toy_collection.py OUT EPISODES WORKERS [--resume]; steps take TOY_SLOWNESS times as long
"""

import errno
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from toy_world import ToyEnv, Walker

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.keys import generator
from praxia.core.types import Decision, EnvSpec, Outcome, Query, Start
from praxia.envs.family import EnvFamily

SIZE = 16
EMBODIMENT = Embodiment(
    name="toy",
    state=(Field("position", 1, "position", "m"),),
    action=(Field("move", 1, "delta", "m", low=-1.0, high=1.0), Field("grip", 1, "gripper", "1")),
    cameras=(Camera("front", SIZE, SIZE),),
    control_hz=10.0,
)


class MisbehavingEnv(ToyEnv):
    """The toy world with crashes that happen only once, as a file records."""

    embodiment = EMBODIMENT

    def command(self, action: np.ndarray) -> Outcome:
        time.sleep(self.payload.get("step_s", 0) * float(os.environ.get("TOY_SLOWNESS", 1)))
        once = self.payload.get("once")
        if once is not None and self.steps == 2 and not os.path.exists(once):
            Path(once).touch()
            if self.payload["how"] == "die":
                os.kill(os.getpid(), 9)
            raise RuntimeError("toy crash")
        return super().command(action)


class Expert(Walker):
    """Walks to the goal with a hand that does nothing."""

    embodiment = None

    def __init__(self, instructions: Mapping[str, str]):
        super().__init__(cameras=(), chunk=1)

    def _decide(self, query: Query) -> Decision:
        move = super()._decide(query).chunk
        return Decision(np.concatenate([move, np.zeros_like(move)], axis=1), np.ones(1, bool))


def build(spec: EnvSpec) -> MisbehavingEnv:
    return MisbehavingEnv(spec)


def build_on_a_filling_disk(spec: EnvSpec) -> MisbehavingEnv:
    """From the second task on, this process cannot write to the disk any more."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if spec.task == "run":
        os.fsync = full
    return build(spec)


def draw_start(task: str, split: str, index: int, **flags: Any) -> Start:
    goal = float(generator(task, split, index).uniform(1.5, 4))
    return Start("toy", task, {"number": index, "goal": goal, **flags})


def slow_start(task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, step_s=0.01)


def embodiment(spec: EnvSpec) -> Embodiment:
    return EMBODIMENT


def task_name(name: str) -> str:
    return name


def provenance() -> dict[str, Any]:
    return {}


def horizon(task: str) -> int:
    return 60


def gather(out: Path, episodes: int = 3, draw: Any = draw_start, make: Any = build, **options: Any) -> dict[str, Any]:
    run_options = {name: options.pop(name) for name in ("workers", "resume", "report", "make_slots") if name in options}
    options = {"tasks": ("walk", "run"), "size": SIZE, "noise": (0.0, 0.1), "horizon": 40, **options}
    plan = CollectionPlan("toy", episodes=episodes, **options)
    instructions = {"walk": "please walk", "run": "please run"}
    family = EnvFamily("toy", instructions, task_name, draw, embodiment, make, provenance, tuple(instructions), horizon)
    return collect(plan, out, family, make_expert=Expert, **run_options)


class TargetEnv(ToyEnv):
    """The toy world with an embodiment whose action is a target position."""

    def __init__(self, spec: EnvSpec, target_embodiment: Embodiment):
        super().__init__(spec)
        self.embodiment = target_embodiment

    def command(self, action: np.ndarray) -> Outcome:
        return super().command(action - np.float32(self.position))


class TargetExpert(Walker):
    """Gives the target position to which `Walker` gives the displacement."""

    embodiment = None

    def __init__(self, instructions: Mapping[str, str]):
        super().__init__(cameras=(), chunk=1)

    def _decide(self, query: Query) -> Decision:
        decision = super()._decide(query)
        return Decision(decision.chunk + query.history[-1].state, decision.valid)


def gather_targets(out: Path, unit: str, high: float | None, **options: Any) -> dict[str, Any]:
    """Two rounds of an embodiment whose only action is a target position in `unit`, within [-high, high]."""
    low = None if high is None else -high
    target_embodiment = replace(EMBODIMENT, action=(Field("position", 1, "position", unit, low=low, high=high),))
    instructions = {"walk": "please walk", "run": "please run"}
    embodiment_of, make = (
        partial(_embodiment, target_embodiment),
        partial(TargetEnv, target_embodiment=target_embodiment),
    )
    family = EnvFamily(
        "toy", instructions, task_name, draw_start, embodiment_of, make, provenance, tuple(instructions), horizon
    )
    plan = CollectionPlan("toy", ("walk", "run"), 2, 40, size=SIZE, **{"noise": (0.0, 0.4), **options})
    return collect(plan, out, family, make_expert=TargetExpert)


def _embodiment(target_embodiment: Embodiment, spec: EnvSpec) -> Embodiment:
    return target_embodiment


if __name__ == "__main__":
    gather(
        Path(sys.argv[1]),
        episodes=int(sys.argv[2]),
        draw=slow_start,
        workers=int(sys.argv[3]),
        resume="--resume" in sys.argv,
    )
