"""Robot arms: a chain of segments, a hand with a gripper, and one of two kinds of commands."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.envs.tabletop.robots.controls import HandControls, JointControls, Kinematics
from praxia.envs.tabletop.robots.grippers import Gripper
from praxia.envs.tabletop.robots.links import LIMIT_RAD, Rod, Segment, add_hand_frame, add_rods, add_segment
from praxia.envs.tabletop.robots.robot import CONTROL_HZ, MAX_STEP_CM

__all__ = ["Arm"]

# On the floor, behind the table.
PEDESTAL_M = (0.0, 0.50, -0.50)


@dataclass(frozen=True)
class Arm:
    """An arm of J segments.

    `wrist_m` is the height of the last joint above the grip point. `home_rad` brings the hand to (0, 0.05, 0.22) m,
    straight down. `posture` is the weight that pulls each joint to zero where the hand leaves it free.
    """

    name: str
    command: Literal["hand", "joints"]
    pedestal: Rod
    segments: tuple[Segment, ...]
    wrist_m: float
    gripper: Gripper
    home_rad: tuple[float, ...]
    posture: tuple[float, ...]

    @property
    def privileged_layout(self) -> Mapping[str, int]:
        dims = len(self.segments)
        of_joints = {"jacobian": 6 * dims, "joint_targets": dims, "tilt": 3} if self.command == "joints" else {}
        return {"grip": 3, "opening": 1, **of_joints}

    def embodiment(self, size: int) -> Embodiment:
        """Hand: translation without rotation. Joints: absolute targets. The gripper's action is 1 where closed."""
        if self.command == "hand":
            state = Field("hand", 3, "position", "m", frame="world")
            action = Field("hand", 3, "delta", "cm", frame="world", low=-MAX_STEP_CM, high=MAX_STEP_CM)
        else:
            state = action = Field("joints", len(self.segments), "position", "rad", low=-LIMIT_RAD, high=LIMIT_RAD)
        return Embodiment(
            name=self.name,
            state=(state, Field("gripper", 1, "gripper", "1", low=0.0, high=1.0)),
            action=(action, Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0)),
            cameras=(Camera("front", size, size), Camera("wrist", size, size)),
            control_hz=CONTROL_HZ,
        )

    def add(self, spec: mujoco.MjSpec) -> None:
        self.gripper.add(spec, self.add_chain(spec))

    def add_chain(self, spec: mujoco.MjSpec) -> mujoco.MjsBody:
        """Add everything but the gripper. Returns the hand, whose origin is the grip point."""
        body = spec.worldbody.add_body(name="arm_pedestal", pos=PEDESTAL_M)
        add_rods(body, (self.pedestal,), 1.0)
        for segment in self.segments:
            body = add_segment(spec, body, segment)
        hand = body.add_body(name="hand", pos=[0, 0, -self.wrist_m], gravcomp=1)
        add_hand_frame(hand)
        return hand

    def bind(self, model: mujoco.MjModel) -> HandControls | JointControls:
        kind = HandControls if self.command == "hand" else JointControls
        return kind(
            model,
            Kinematics(_compile_alone(self), np.array(self.posture)),
            joints=[segment.name for segment in self.segments],
            gripper=self.gripper,
            home_rad=np.array(self.home_rad),
        )


@functools.cache
def _compile_alone(arm: Arm) -> mujoco.MjModel:
    """The arm without gripper and world: compiled once per process, never changed."""
    spec = mujoco.MjSpec()
    arm.add_chain(spec)
    return spec.compile()
