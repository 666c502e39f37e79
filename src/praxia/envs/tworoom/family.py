"""TwoRoom as an `EnvFamily`."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Simulator
from praxia.envs.family import EnvFamily, GoldenFrame, RewardDeclaration
from praxia.envs.tworoom.env import CAMERA, TwoRoom, embodiment
from praxia.envs.tworoom.starts import INSTRUCTIONS, STEP_M, draw_start, short_name, twin_start
from praxia.envs.wrappers import build_wrapped

__all__ = ["TWOROOM"]


def _embodiment(spec: EnvSpec) -> Embodiment:
    return spec.sized(embodiment(spec.size))


def _build(spec: EnvSpec) -> Simulator:
    return build_wrapped(TwoRoom, spec, twin_start)


def _provenance() -> dict[str, Any]:
    return {"golden_frame_sha256": hashlib.sha256(_golden_frame().tobytes()).hexdigest()}


def _golden_frame() -> UInt8[np.ndarray, "Y X 3"]:
    """It changes with the rooms, rendering and motion. Rendered without OpenGL."""
    env = TwoRoom(EnvSpec("tworoom", "any"))
    env.reset(draw_start("any", "golden", 0))
    for _ in range(5):
        env.command(env.privileged()["goal"].astype("float32"))
    return env.observe((CAMERA,)).images[CAMERA]


def _horizon(task: str) -> int:
    """The longest shortest path takes some 50 steps, and a third more under noise."""
    return 100


def _rewards(task: str) -> dict[str, RewardDeclaration]:
    meaning, furthest_m = "by how many metres the shortest path to the goal became shorter", 2**0.5 * STEP_M
    return {"dense": RewardDeclaration(meaning, -furthest_m, furthest_m, _horizon(task))}


TWOROOM = EnvFamily(
    name="tworoom",
    instructions=INSTRUCTIONS,
    find_task=short_name,
    draw_start=draw_start,
    embodiment=_embodiment,
    build=_build,
    provenance=_provenance,
    train_tasks=("any",),
    horizon=_horizon,
    golden=GoldenFrame(_golden_frame, Path(__file__).with_name("golden.png")),
    rewards=_rewards,
)
