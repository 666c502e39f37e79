"""A point on a line that is to reach a goal: the smallest task that can be learned by trial, in seconds."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from praxia.core.embodiment import Embodiment, Field
from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.family import EnvFamily, RewardDeclaration
from praxia.reinforce.config import PPO, SAC, Practice, ReinforceRun

EMBODIMENT = Embodiment(
    name="point",
    state=(Field("position", 1, "position", "m"),),
    action=(Field("move", 1, "delta", "cm", low=-20.0, high=20.0),),
    cameras=(),
    control_hz=10.0,
)
HORIZON = 12


class Point:
    """Rewarded in [0, 1] for nearness; succeeds within 0.1 m. A start with "ends" terminates an episode that far on."""

    embodiment = EMBODIMENT
    privileged_layout: ClassVar[Mapping[str, int]] = {"position": 1, "goal": 1}

    def __init__(self, spec: EnvSpec):
        self.spec = spec

    def reset(self, start: Start) -> None:
        self.payload, self.steps = start.payload, 0
        self.position = np.float64(start.payload["position"])

    def command(self, action: np.ndarray) -> Outcome:
        if self.payload.get("crashes"):
            raise RuntimeError("toy crash")
        self.steps += 1
        self.position = np.clip(self.position + np.float64(action[0]) / 100, -2, 2)
        distance = abs(self.position - self.payload["goal"])
        ends = self.payload.get("ends") == self.steps
        return Outcome(float(1 - np.tanh(2 * distance)), ends, False, bool(distance < 0.1))

    def observe(self, cameras: Sequence[str]) -> Observation:
        return Observation({}, np.array([self.position], np.float32), "reach the goal", self.steps * 0.1)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return {"position": np.array([self.position]), "goal": np.array([self.payload["goal"]])}

    def snapshot(self) -> bytes:
        return self.position.tobytes()

    def restore(self, snapshot: bytes) -> None:
        self.position = np.frombuffer(snapshot)[0]

    def close(self) -> None:
        pass


def draw_start(task: str, split: str, index: int) -> Start:
    rng = generator("point", split, index)
    payload: dict[str, float | int] = {"position": float(rng.uniform(-1, 1)), "goal": float(rng.uniform(-1, 1))}
    if task == "ends":
        payload["ends"] = int(rng.integers(2, HORIZON))
    if task == "crashes":
        payload["crashes"] = 1
    return Start("point", task, payload)


def task_name(task: str) -> str:
    return task


def embodiment(spec: EnvSpec) -> Embodiment:
    return EMBODIMENT


def provenance() -> Mapping[str, str]:
    return {}


def horizon(task: str) -> int:
    return HORIZON


def rewards(task: str) -> Mapping[str, RewardDeclaration]:
    return {"near": RewardDeclaration("how near the goal is", 0.0, 1.0, HORIZON)}


FAMILY = EnvFamily(
    name="point",
    instructions=dict.fromkeys(("reach", "ends", "crashes"), "reach the goal"),
    find_task=task_name,
    draw_start=draw_start,
    embodiment=embodiment,
    build=Point,
    provenance=provenance,
    train_tasks=("reach",),
    horizon=horizon,
    rewards=rewards,
)


def sac_run(task: str = "reach", steps: int = 240, **options: float) -> ReinforceRun:
    """A run of small networks with a state whenever one can be saved."""
    learner = SAC(width=32, batch_size=32, warmup=60, updates=1.0, learning_rate=2e-3, tau=0.02, discount=0.9)
    train = Practice(steps=steps, slots=2, episodes=20, checkpoint_s=0.0, log_every=60)
    return ReinforceRun("point", task, replace(learner, **options), train)


def ppo_run(task: str = "reach", steps: int = 600) -> ReinforceRun:
    """The same by PPO."""
    learner = PPO(rollout=64, epochs=10, batch_size=32, width=32, learning_rate=2e-3, discount=0.9)
    return replace(sac_run(task, steps), learner=learner)


def main(out: str, task: str, workers: int) -> None:
    """A run in a process of its own: `toy_point.py OUT TASK WORKERS`. It resumes what OUT holds and prints progress."""
    from praxia.reinforce.run import reinforce

    def report(done: int, planned: int, text: str) -> None:
        print(done, flush=True)

    options = {"command": "c", "resume": True, "report": report, "workers": workers}
    print(reinforce(sac_run(task), Path(out), FAMILY, **options)["weights_sha256"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
