"""PushT as an `EnvFamily`."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Simulator
from praxia.envs.family import EnvFamily, GoldenFrame, RewardDeclaration
from praxia.envs.pusht.env import CAMERA, SIDE_PX, PushT, embodiment
from praxia.envs.pusht.starts import AS_SHOWN, INSTRUCTIONS, draw_start, short_name, twin_start
from praxia.envs.wrappers import build_wrapped

__all__ = ["PUSHT"]


def _embodiment(spec: EnvSpec) -> Embodiment:
    return spec.sized(embodiment(spec.size, spec.task))


def _build(spec: EnvSpec) -> Simulator:
    return build_wrapped(PushT, spec, twin_start)


def _provenance() -> dict[str, Any]:
    return {"golden_frame_sha256": hashlib.sha256(_golden_frame().tobytes()).hexdigest()}


def _golden_frame() -> UInt8[np.ndarray, "Y X 3"]:
    """It changes with rendering and physics. Rendered without OpenGL."""
    env = PushT(EnvSpec("pusht", "push"))
    env.reset(draw_start("push", "golden", 0))
    for _ in range(10):
        env.command(env.privileged()["block"][:2].astype(np.float32))
    return env.observe((CAMERA,)).images[CAMERA]


def _horizon(task: str) -> int:
    """The published horizon. The expert needs a hundred steps on average; shown goals are 25 steps away."""
    return 50 if task == AS_SHOWN else 300


def _rewards(task: str) -> dict[str, RewardDeclaration]:
    if task == AS_SHOWN:
        # Agent and T together move by less than the image's side in one step, wherever the target is.
        meaning = "by how many pixels agent and T together come nearer to the goal"
        return {"dense": RewardDeclaration(meaning, -SIDE_PX, SIDE_PX, _horizon(task))}
    meaning = "the share of the goal that the T covers, divided by the 95% that suffice"
    return {"dense": RewardDeclaration(meaning, 0.0, 1.0, _horizon(task), terminates="success")}


PUSHT = EnvFamily(
    name="pusht",
    instructions=INSTRUCTIONS,
    find_task=short_name,
    draw_start=draw_start,
    embodiment=_embodiment,
    build=_build,
    provenance=_provenance,
    train_tasks=("push",),
    horizon=_horizon,
    golden=GoldenFrame(_golden_frame, Path(__file__).with_name("golden.png")),
    rewards=_rewards,
)
