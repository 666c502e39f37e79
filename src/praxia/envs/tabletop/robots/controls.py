"""Kinematics and controls of arms: commanded by displacements of the hand, or by joint targets."""

from collections.abc import Mapping, Sequence

import mink
import mujoco
import numpy as np
from jaxtyping import Float32, Float64

from praxia.envs.tabletop.robots.grippers import FINGERS, Gripper
from praxia.envs.tabletop.robots.robot import GRIP, WORKSPACE_HIGH_M, WORKSPACE_LOW_M

__all__ = ["HandControls", "JointControls", "Kinematics"]

# How far a command may lead the arm: a blocked arm presses with bounded force, a freed one does not leap.
MAX_LEAD_M, MAX_LEAD_RAD = 0.03, 0.30

# Newton steps from the previous step's joints: the first leaves up to 2.3 mm, the second 0.01 mm.
NUM_NEWTON_STEPS = 2


class Kinematics:
    """Forward and inverse kinematics of one arm. Every method depends on its arguments alone.

    `model` has the arm's J joints and nothing else that moves. `posture` [J] is the weight that pulls each joint to
    zero where the hand leaves it free. Inverse kinematics are mink's differential ones (Zakka 2024): a quadratic
    programme with the joints' limits as constraints, a frame task for the hand and a posture task.
    """

    def __init__(self, model: mujoco.MjModel, posture: Float64[np.ndarray, " J"]):
        self._configuration = mink.Configuration(model)
        self._hand = mink.FrameTask(GRIP, "site", position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=posture)
        self._posture.set_target(np.zeros(model.nq))
        self._limits = [mink.ConfigurationLimit(model)]
        self._site = model.site(GRIP).id

    def joints(
        self, position_m: Float64[np.ndarray, " 3"], near: Float64[np.ndarray, " J"]
    ) -> Float64[np.ndarray, " J"]:
        """Joints within their limits that bring the grip to `position_m`, straight down; `near` is where to start."""
        self._hand.set_target(mink.SE3.from_translation(position_m))
        self._configuration.update(near)
        for _ in range(NUM_NEWTON_STEPS):
            step = mink.solve_ik(
                self._configuration,
                (self._hand, self._posture),
                dt=1.0,
                solver="daqp",
                damping=1e-6,
                limits=self._limits,
            )
            self._configuration.integrate_inplace(step, 1.0)
        return self._configuration.q.copy()

    def grip(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, " 3"]:
        """The position of the grip point, in metres."""
        self._configuration.update(joints)
        return self._configuration.data.site_xpos[self._site].copy()

    def tilt(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, " 3"]:
        """The rotation vector, in the world's frame and radians, that turns the hand straight down."""
        self._configuration.update(joints)
        return -mink.SO3.from_matrix(self._configuration.data.site_xmat[self._site].reshape(3, 3)).log()

    def jacobian(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, "6 J"]:
        """The grip's velocity, then the hand's angular velocity, in the world's frame, per unit of joint velocity."""
        self._configuration.update(joints)
        jacobian = np.empty((6, self._configuration.nv))
        mujoco.mj_jacSite(self._configuration.model, self._configuration.data, jacobian[:3], jacobian[3:], self._site)
        return jacobian


class _ArmControls:
    """What both kinds of controls share. See `robot.Controls`.

    The hand's position is computed from the joints and not read from `data.site_xpos`, which the simulator updates
    later: a restored state then gives the same commands, bit for bit.
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
    """Commanded by displacements of the hand, which points straight down. `userdata[:3]` is its commanded position."""

    def home(self, data: mujoco.MjData) -> None:
        super().home(data)
        data.userdata[:3] = self._grip(data)

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " 4"]) -> None:
        now = self._grip(data)
        target = np.clip(data.userdata[:3] + action[:3].astype(np.float64) / 100, now - MAX_LEAD_M, now + MAX_LEAD_M)
        target = np.clip(target, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        data.userdata[:3] = target
        data.ctrl[self._joint_ctrl] = self._kinematics.joints(target, data.ctrl[self._joint_ctrl])
        self._drive_gripper(data, float(action[3]))

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " 4"]:
        return np.array([*self._grip(data), self._opening(data)], np.float32)


class JointControls(_ArmControls):
    """Commanded by absolute joint targets, which the servos follow."""

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " A"]) -> None:
        now = data.qpos[self._joints]
        data.ctrl[self._joint_ctrl] = np.clip(action[:-1].astype(np.float64), now - MAX_LEAD_RAD, now + MAX_LEAD_RAD)
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
