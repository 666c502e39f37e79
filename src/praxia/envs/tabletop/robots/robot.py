"""What a robot of Tabletop is: how it is declared, how it is built into a scene, and how it is commanded.

The frame is Tabletop's (see the package): the operator looks along +y, so a robot stands behind the table at +y, and
its hand points down. Contacts: a robot's geoms have contype 2 and conaffinity 1, everything else contype 1 and
conaffinity 3, so that a robot does not collide with itself.
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
    "Robot",
]

CONTROL_HZ = 20.0
ROBOT_CONTYPE, ROBOT_CONAFFINITY = 2, 1

# The names that every body gives to the point between its fingertips and to the camera on its hand.
GRIP, WRIST = "grip", "wrist"

# A hand is moved by at most this much a control step along each axis, and its commanded place stays in this box.
MAX_STEP_CM = 2.0
WORKSPACE_LOW_M = (-0.28, -0.22, 0.005)
WORKSPACE_HIGH_M = (0.28, 0.22, 0.30)

# Room in `MjData.userdata` for what a controller remembers (the hand's commanded place): it is part of a snapshot.
NUM_USER_DATA = 8


@runtime_checkable
class Controls(Protocol):
    """A body in one compiled model. Keeps nothing of an episode: that is all in `MjData`."""

    def home(self, data: mujoco.MjData) -> None:
        """Put joints, controls and remembered targets at the home pose: hand high over the table's middle, open."""

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " A"]) -> None:
        """Turn one action, in declared units and clipped to the declared range, into actuator controls."""

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " S"]:
        """The embodiment's state."""
        ...

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        """What only an expert may know of the body.

        Always "grip" float64[3] m and "opening" float64[] (fraction of the most). Bodies commanded in joint targets
        add "jacobian" float64[6, J] of the grip (translation, rotation), "joint_targets" float64[J] rad, which are
        commanded now, and "tilt" float64[3] rad, the rotation that would bring the commanded hand upright.
        """
        ...


@runtime_checkable
class Robot(Protocol):
    """A robot as a plain value."""

    @property
    def name(self) -> str:
        """Its embodiment's, and that of its family of environments."""
        ...

    def embodiment(self, size: int) -> Embodiment:
        """What its numbers mean, with cameras "front" and "wrist" of `size` pixels."""
        ...

    def add(self, spec: mujoco.MjSpec) -> None:
        """Build it into a scene: bodies, actuators, the site `GRIP`, the camera `WRIST`, geoms of the fingers whose
        names begin with "finger"."""

    def bind(self, model: mujoco.MjModel) -> Controls:
        """Its controls in a model that it was added to."""
        ...
