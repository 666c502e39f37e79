"""Tabletop as families of environments, one per robot."""

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Simulator
from praxia.envs.family import EnvFamily, GoldenFrame, RewardDeclaration
from praxia.envs.graphics import gl_vendor
from praxia.envs.tabletop.env import Tabletop
from praxia.envs.tabletop.model import FRONT
from praxia.envs.tabletop.rewards import SPARSE, declared_rewards
from praxia.envs.tabletop.robots import arm6, arm7, gantry
from praxia.envs.tabletop.robots.robot import RobotModel
from praxia.envs.tabletop.starts import draw_start, other_instruction, twin_start
from praxia.envs.tabletop.streams import SensingTabletop, with_streams
from praxia.envs.tabletop.tasks import CHAINS, INSTRUCTIONS, TRAINED, short_name
from praxia.envs.wrappers import build_wrapped

__all__ = ["ARM6", "ARM6_JOINTS", "ARM7", "ARM7_JOINTS", "GANTRY"]


def _family(robot: RobotModel) -> EnvFamily:
    return EnvFamily(
        name=robot.name,
        instructions=INSTRUCTIONS,
        find_task=short_name,
        draw_start=partial(draw_start, robot.name),
        embodiment=partial(_embodiment, robot),
        build=partial(_build, robot),
        provenance=partial(_provenance, robot),
        train_tasks=TRAINED,
        horizon=_horizon,
        failure_every=4,
        other_instruction=other_instruction,
        golden=GoldenFrame(partial(_golden_frame, robot), Path(__file__).parent / "golden" / f"{robot.name}.png"),
        rewards=_rewards,
    )


def _horizon(task: str) -> int:
    """The expert needs 12 to 52 steps per task or part of a chain, and more under noise."""
    return 100 * (int(task[-1]) if task in CHAINS else 1)


def _rewards(task: str) -> dict[str, RewardDeclaration]:
    return declared_rewards(_horizon(task))


def _embodiment(robot: RobotModel, spec: EnvSpec) -> Embodiment:
    return with_streams(spec.sized(robot.embodiment(spec.size)), str(spec.options.get("streams", "")))


def _build(robot: RobotModel, spec: EnvSpec) -> Simulator:
    return build_wrapped(partial(_make, robot), spec, twin_start, other_instruction)


def _make(robot: RobotModel, spec: EnvSpec, *, streams: str = "", reward: str = SPARSE) -> Simulator:
    env = Tabletop(spec, robot, reward)
    return SensingTabletop(env, streams) if streams else env


def _provenance(robot: RobotModel) -> dict[str, Any]:
    image = _golden_frame(robot)
    return {"gl_vendor": gl_vendor(), "golden_frame_sha256": hashlib.sha256(image.tobytes()).hexdigest()}


@cache
def _golden_frame(robot: RobotModel) -> UInt8[np.ndarray, "Y X 3"]:
    """It changes with scenes, rendering and physics."""
    env = Tabletop(EnvSpec(robot.name, "touch", "fast", 64), robot)
    env.reset(draw_start(robot.name, "touch", "golden", 0))
    # A fixed motion first, so that servos, kinematics and contacts are in the image too.
    action = np.concatenate([np.full(field.size, 0.25 * (field.high or 1.0)) for field in env.embodiment.action])
    for _ in range(20):
        env.command(action.astype(np.float32))
    return env.observe((FRONT,)).images[FRONT]


GANTRY = _family(gantry.GANTRY)
ARM6, ARM6_JOINTS = _family(arm6.ARM6), _family(arm6.ARM6_JOINTS)
ARM7, ARM7_JOINTS = _family(arm7.ARM7), _family(arm7.ARM7_JOINTS)
