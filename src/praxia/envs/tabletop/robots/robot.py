"""The interface of Tabletop's robots: how a robot is declared, built into a scene, and commanded.

The frame is Tabletop's (see the package): the operator looks along +y, the robot stands behind the table at +y, and its
hand points down. A robot's geoms have contype 2 and conaffinity 1, all others contype 1 and conaffinity 3, so that a
robot does not collide with itself.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment

__all__ = [
    "CONTROL_HZ",
    "GRIP",
    "MAX_STEP_CM",
    "NUM_USER_DATA",
    "ROBOT_CONAFFINITY",
    "ROBOT_CONTYPE",
    "WORKSPACE_HIGH_M",
    "WORKSPACE_LOW_M",
    "WRIST",
    "Controls",
    "RobotModel",
]

CONTROL_HZ = 20.0
ROBOT_CONTYPE, ROBOT_CONAFFINITY = 2, 1

# Every robot's names of the point between its fingertips and of the camera on its hand.
GRIP, WRIST = "grip", "wrist"

# A hand moves by at most this much per control step and axis, and its commanded position stays in this box.
MAX_STEP_CM = 2.0
WORKSPACE_LOW_M = (-0.28, -0.22, 0.005)
WORKSPACE_HIGH_M = (0.28, 0.22, 0.30)

# Size of `MjData.userdata`, where controls keep their state (the hand's commanded position): part of a snapshot.
NUM_USER_DATA = 8


@runtime_checkable
class Controls(Protocol):
    """A robot in one compiled model. It has no state of its own: an episode's state is in `MjData`."""

    def home(self, data: mujoco.MjData) -> None:
        """Set joints, controls and commanded targets to the home pose: hand high over the table's middle, open."""

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " A"]) -> None:
        """Turn one action, in declared units and clipped to the declared range, into actuator controls."""

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " S"]:
        """The embodiment's state."""
        ...

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        """The robot's privileged state, for experts.

        Always "grip" float64[3] m and "opening" float64[] (fraction of the maximum). Robots commanded by joint targets
        add "jacobian" float64[6, J] of the grip (translation, rotation), the commanded "joint_targets" float64[J] rad,
        and "tilt" float64[3] rad, the rotation that turns the commanded hand upright.
        """
        ...


@runtime_checkable
class RobotModel(Protocol):
    """A robot as a plain value."""

    @property
    def name(self) -> str:
        """The name of its embodiment and of its family of environments."""
        ...

    @property
    def privileged_layout(self) -> Mapping[str, int]:
        """How many numbers each entry of `Controls.privileged` has."""
        ...

    def embodiment(self, size: int) -> Embodiment:
        """Its embodiment, with cameras "front" and "wrist" of `size` pixels."""
        ...

    def add(self, spec: mujoco.MjSpec) -> None:
        """Add it to a scene: bodies, actuators, the site `GRIP`, the camera `WRIST`, and fingers whose geoms' names
        begin with "finger"."""

    def bind(self, model: mujoco.MjModel) -> Controls:
        """Its controls in a model to which it was added."""
        ...
