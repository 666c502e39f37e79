"""Bimodal as an `EnvFamily`."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Simulator
from praxia.envs.bimodal.env import CAMERA, STEP_M, Bimodal, embodiment
from praxia.envs.bimodal.starts import INSTRUCTIONS, draw_start, short_name, twin_start
from praxia.envs.family import EnvFamily, GoldenFrame, RewardDeclaration
from praxia.envs.wrappers import build_wrapped

__all__ = ["BIMODAL"]


def _embodiment(spec: EnvSpec) -> Embodiment:
    return spec.sized(embodiment(spec.size))


def _build(spec: EnvSpec) -> Simulator:
    return build_wrapped(Bimodal, spec, twin_start)


def _provenance() -> dict[str, Any]:
    return {"golden_frame_sha256": hashlib.sha256(_golden_frame().tobytes()).hexdigest()}


def _golden_frame() -> UInt8[np.ndarray, "Y X 3"]:
    """It changes with scenes, rendering and motion. Rendered without OpenGL."""
    env = Bimodal(EnvSpec("bimodal", "pass"))
    env.reset(draw_start("pass", "golden", 0))
    for _ in range(5):
        env.command(env.privileged()["goal"].astype("float32"))
    return env.observe((CAMERA,)).images[CAMERA]


def _horizon(task: str) -> int:
    """The expert needs 23 steps, and up to 52 under noise."""
    return 60


def _rewards(task: str) -> dict[str, RewardDeclaration]:
    meaning = "by how many metres the robot came nearer to the goal"
    return {"dense": RewardDeclaration(meaning, -STEP_M, STEP_M, _horizon(task), terminates="touching the obstacle")}


BIMODAL = EnvFamily(
    name="bimodal",
    instructions=INSTRUCTIONS,
    find_task=short_name,
    draw_start=draw_start,
    embodiment=_embodiment,
    build=_build,
    provenance=_provenance,
    train_tasks=tuple(INSTRUCTIONS),
    horizon=_horizon,
    golden=GoldenFrame(_golden_frame, Path(__file__).with_name("golden.png")),
    rewards=_rewards,
)
