"""How an arm is commanded: by displacements of its hand, or by joint targets."""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from jaxtyping import Float32, Float64

from praxia.envs.tabletop.robots.grippers import FINGERS, Gripper
from praxia.envs.tabletop.robots.ik import Kinematics
from praxia.envs.tabletop.robots.robot import WORKSPACE_HIGH_M, WORKSPACE_LOW_M

__all__ = ["HandControls", "JointControls"]

# How far a command may lead the arm: what is blocked is pressed with a bounded force, and what is freed does not leap.
LEASH_M, LEASH_RAD = 0.03, 0.30


class _ArmControls:
    """What both ways of command share. See `body.Controls`.

    Where the hand is follows from the joints and not from `data.site_xpos`, which the simulator brings up to date
    later than them: so a restored state gives the same commands, bit for bit.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        kinematics: Kinematics,
        *,
        joints: Sequence[str],
        gripper: Gripper,
        home_rad: Float64[np.ndarray, " J"],
    ):
        self._kinematics = kinematics
        self._travel = gripper.travel
        self._home_rad = home_rad
        self._joints = np.array([model.joint(name).qposadr[0] for name in joints])
        self._fingers = np.array([model.joint(name).qposadr[0] for name in FINGERS])
        self._joint_ctrl = np.array([model.actuator(name).id for name in joints])
        self._gripper_ctrl = model.actuator(FINGERS[0]).id

    def home(self, data: mujoco.MjData) -> None:
        data.qpos[self._joints] = data.ctrl[self._joint_ctrl] = self._home_rad
        data.qpos[self._fingers] = data.ctrl[self._gripper_ctrl] = self._travel

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        return {"grip": self._grip(data), "opening": np.array(self._opening(data))}

    def _grip(self, data: mujoco.MjData) -> Float64[np.ndarray, " 3"]:
        return self._kinematics.grip(data.qpos[self._joints])

    def _opening(self, data: mujoco.MjData) -> float:
        return float(np.clip(data.qpos[self._fingers].mean() / self._travel, 0, 1))

    def _drive_gripper(self, data: mujoco.MjData, closing: float) -> None:
        data.ctrl[self._gripper_ctrl] = self._travel * (1 - closing) / 2


class HandControls(_ArmControls):
    """Commanded by displacements of the hand, which stays straight down. `userdata[:3]` is its commanded place."""

    def home(self, data: mujoco.MjData) -> None:
        super().home(data)
        data.userdata[:3] = self._grip(data)

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " 4"]) -> None:
        now = self._grip(data)
        place = np.clip(data.userdata[:3] + action[:3].astype(np.float64) / 100, now - LEASH_M, now + LEASH_M)
        place = np.clip(place, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        data.userdata[:3] = place
        data.ctrl[self._joint_ctrl] = self._kinematics.joints(place, data.ctrl[self._joint_ctrl])
        self._drive_gripper(data, float(action[3]))

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " 4"]:
        return np.array([*self._grip(data), self._opening(data)], np.float32)


class JointControls(_ArmControls):
    """Commanded by absolute joint targets, which the servos follow."""

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " A"]) -> None:
        now = data.qpos[self._joints]
        data.ctrl[self._joint_ctrl] = np.clip(action[:-1].astype(np.float64), now - LEASH_RAD, now + LEASH_RAD)
        self._drive_gripper(data, float(action[-1]))

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " S"]:
        return np.array([*data.qpos[self._joints], self._opening(data)], np.float32)

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        targets = data.ctrl[self._joint_ctrl]
        return {
            **super().privileged(data),
            "jacobian": self._kinematics.jacobian(data.qpos[self._joints]),
            "joint_targets": targets,
            "tilt": self._kinematics.tilt(targets),
        }
