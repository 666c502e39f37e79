"""A Cartesian gantry with a pair of sliding fingers: three slides, no inverse kinematics."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.envs.tabletop.robots.grippers import FINGERS, SlidingFingers
from praxia.envs.tabletop.robots.links import add_hand_frame, add_servo
from praxia.envs.tabletop.robots.robot import (
    CONTROL_HZ,
    MAX_STEP_CM,
    ROBOT_CONAFFINITY,
    ROBOT_CONTYPE,
    WORKSPACE_HIGH_M,
    WORKSPACE_LOW_M,
)

__all__ = ["GANTRY", "Gantry"]

AXES = ("gantry_x", "gantry_y", "gantry_z")
HOME_M = (0.0, 0.05, 0.22)

# How far the commanded hand may lead the real one: a blocked hand presses with a bounded force.
MAX_LEAD_M = 0.04

# Critically damped for 1.3 kg of hand and armature; it follows within two control steps, as the arms do.
STIFFNESS, DAMPING, FORCE_N, ARMATURE = 3000.0, 130.0, 60.0, 0.5
RANGE_M = (-0.5, 0.5)

DARK = (0.22, 0.23, 0.26, 1.0)


@dataclass(frozen=True)
class Gantry:
    """See the module. The hand's position is that of its three slides."""

    name: str = "tabletop-gantry"
    gripper: SlidingFingers = field(default_factory=SlidingFingers)

    @property
    def privileged_layout(self) -> Mapping[str, int]:
        return {"grip": 3, "opening": 1}

    def embodiment(self, size: int) -> Embodiment:
        """The hand translates without rotation; the gripper's action is its target, 1 where closed."""
        return Embodiment(
            name=self.name,
            state=(
                Field("hand", 3, "position", "m", frame="world"),
                Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
            ),
            action=(
                Field("hand", 3, "delta", "cm", frame="world", low=-MAX_STEP_CM, high=MAX_STEP_CM),
                Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0),
            ),
            cameras=(Camera("front", size, size), Camera("wrist", size, size)),
            control_hz=CONTROL_HZ,
        )

    def add(self, spec: mujoco.MjSpec) -> None:
        carriage = spec.worldbody
        for axis, along in zip(AXES, np.eye(3).tolist(), strict=True):
            carriage = carriage.add_body(name=axis, gravcomp=1)
            carriage.add_joint(name=axis, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=along, armature=ARMATURE)
            carriage.mass, carriage.ipos, carriage.inertia = 0.1, [0, 0, 0], [1e-4] * 3
            carriage.explicitinertial = True
            add_servo(spec, axis, RANGE_M, stiffness=STIFFNESS, damping=DAMPING, force=FORCE_N)
        hand = carriage.add_body(name="hand", gravcomp=1)
        add_hand_frame(hand)
        self.gripper.add(spec, hand)
        hand.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.012, 0.15, 0],
            pos=[0, 0, 0.224],
            rgba=DARK,
            mass=0.3,
            contype=ROBOT_CONTYPE,
            conaffinity=ROBOT_CONAFFINITY,
        )

    def bind(self, model: mujoco.MjModel) -> "GantryControls":
        return GantryControls(model, self.gripper.travel)


class GantryControls:
    """See `robot.Controls`. The commanded position is the axes' own targets."""

    def __init__(self, model: mujoco.MjModel, travel: float):
        self._travel = travel
        self._axes = [model.joint(name).qposadr[0] for name in AXES]
        self._fingers = [model.joint(name).qposadr[0] for name in FINGERS]
        self._axis_ctrl = [model.actuator(name).id for name in AXES]
        self._gripper_ctrl = model.actuator(FINGERS[0]).id

    def home(self, data: mujoco.MjData) -> None:
        data.qpos[self._axes] = data.ctrl[self._axis_ctrl] = HOME_M
        data.qpos[self._fingers] = data.ctrl[self._gripper_ctrl] = self._travel

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " 4"]) -> None:
        now = data.qpos[self._axes]
        target = data.ctrl[self._axis_ctrl] + action[:3].astype(np.float64) / 100
        target = np.clip(target, now - MAX_LEAD_M, now + MAX_LEAD_M)
        data.ctrl[self._axis_ctrl] = np.clip(target, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        data.ctrl[self._gripper_ctrl] = self._travel * (1 - float(action[3])) / 2

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " 4"]:
        return np.array([*data.qpos[self._axes], self._opening(data)], np.float32)

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        return {"grip": data.qpos[self._axes], "opening": np.array(self._opening(data))}

    def _opening(self, data: mujoco.MjData) -> float:
        return float(np.clip(data.qpos[self._fingers].mean() / self._travel, 0, 1))


GANTRY = Gantry()
