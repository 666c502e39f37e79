"""Two grippers. Both close along the hand's x. One servo drives both fingers, which an equality constraint mirrors, so
that a grasped object stays in the middle of the hand."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import mujoco
import numpy as np

from praxia.envs.tabletop.robots.links import Rod, Vector, add_rods, add_servo
from praxia.envs.tabletop.robots.robot import ROBOT_CONAFFINITY, ROBOT_CONTYPE

__all__ = ["FINGERS", "Gripper", "HingedJaws", "SlidingFingers"]

# The names of bodies, joints and pads; the servo drives the first.
FINGERS = ("finger_left", "finger_right")
SIDES = (-1.0, 1.0)

STEEL, DARK, RUBBER = (0.62, 0.64, 0.68, 1.0), (0.22, 0.23, 0.26, 1.0), (0.12, 0.12, 0.13, 1.0)
PAD_HALF_M = (0.006, 0.010, 0.0225)
# A jaw is two thin plates that meet at their upper ends; its back is this far from the middle where it is closed.
JAW_HALF_M, JAW_BACK_M = (0.003, 0.010, 0.0225), 0.017
TIP_M = 0.005  # the grip point is this far above the pads' ends

# For contact with anything. More sliding friction holds no better, and levers jam on it. Torsional friction, in metres,
# keeps a grasped object from turning about the line between the fingers. Contacts are as stiff as the time step allows:
# with softer ones fingers sink into light objects.
PAD_FRICTION = (1.0, 0.02, 0.001)
PAD_SOLREF, PAD_SOLIMP = (0.01, 1.0), (0.95, 0.995, 0.001, 0.5, 2.0)

# The right finger follows the left one to within a third of a millimetre under the full force.
MIRROR_SOLREF, MIRROR_SOLIMP = (0.01, 1.0), (0.99, 0.999, 0.001, 0.5, 2.0)


@runtime_checkable
class Gripper(Protocol):
    """Fingers on a hand whose origin is the grip point."""

    @property
    def travel(self) -> float:
        """A finger's joint position where the gripper is open, in the joint's unit; 0 is closed."""
        ...

    def add(self, spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
        """Add palm, fingers and servo."""


@dataclass(frozen=True)
class SlidingFingers:
    """Two fingers that slide apart, each `travel` metres: 8.4 cm between them."""

    travel: float = 0.042

    def add(self, spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
        hand.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.058, 0.018, 0.016],
            pos=[0, 0, 0.058],
            rgba=STEEL,
            mass=0.2,
            contype=ROBOT_CONTYPE,
            conaffinity=ROBOT_CONAFFINITY,
        )
        for name, side in zip(FINGERS, SIDES, strict=True):
            finger = hand.add_body(name=name, pos=[side * PAD_HALF_M[0], 0, PAD_HALF_M[2] - TIP_M], gravcomp=1)
            finger.add_joint(
                name=name,
                type=mujoco.mjtJoint.mjJNT_SLIDE,
                axis=[side, 0, 0],
                range=[0, self.travel],
                limited=mujoco.mjtLimited.mjLIMITED_TRUE,
                armature=0.2,
            )
            _add_pad(finger, name, PAD_HALF_M, (0.0, 0.0, 0.0))
        _mirror(spec)
        # Closes on 5 cm within a control step and holds it with 12 N a finger.
        add_servo(spec, FINGERS[0], (0.0, self.travel), stiffness=1000.0, damping=80.0, force=40.0)


@dataclass(frozen=True)
class HingedJaws:
    """Two bent jaws that swing apart by `travel` radians each: 8.5 cm between their tips.

    A jaw's inner face leans by `lean_rad` where the gripper is closed: the two are parallel where they are 4.4 cm
    apart, and hold a cube of 6 cm leaning by 8 degrees. Its back is upright where the gripper is closed, so that what
    is pushed is not pressed down. Each hinge stands above the inner face: the tips stay within 3 mm of one height.
    """

    hinge_m: tuple[float, float] = (0.022, 0.085)
    lean_rad: float = 0.2469
    travel: float = 0.478

    def add(self, spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
        across, above = self.hinge_m
        add_rods(hand, (Rod((0.0, 0.0, above + 0.003), (0.0, 0.0, above + 0.027), 0.046, STEEL, flat=True),), 0.2)
        for name, side in zip(FINGERS, SIDES, strict=True):
            jaw = hand.add_body(name=name, pos=[side * across, 0, above], gravcomp=1)
            jaw.add_joint(
                name=name,
                type=mujoco.mjtJoint.mjJNT_HINGE,
                axis=[0, -side, 0],
                range=[0, np.rad2deg(self.travel)],
                limited=mujoco.mjtLimited.mjLIMITED_TRUE,
                armature=0.0015,
            )
            self._add_jaw(jaw, name, side)
        _mirror(spec)
        # Closes on 5 cm within a control step and holds it with 17 N per finger.
        add_servo(spec, FINGERS[0], (0.0, self.travel), stiffness=7.0, damping=0.55, force=3.0)

    def _add_jaw(self, jaw: mujoco.MjsBody, name: str, side: float) -> None:
        """Out from the hinge to the knuckle, in to the back, and the pad before it. The body's origin is the hinge."""
        across, above = self.hinge_m
        knuckle = (side * 0.016, 0.0, -0.018)  # above what is pushed
        bones = (Rod((0.0, 0.0, 0.0), knuckle, 0.009, DARK), Rod(knuckle, (side * -0.008, 0.0, -0.035), 0.006, DARK))
        add_rods(jaw, bones, 0.02)
        thin, _, tall = JAW_HALF_M
        drop = above + TIP_M - tall
        _add_pad(jaw, f"{name}_back", JAW_HALF_M, (side * (JAW_BACK_M - thin - across), 0.0, -drop))
        sin, cos = np.sin(self.lean_rad), np.cos(self.lean_rad)
        pad = _add_pad(jaw, name, JAW_HALF_M, (side * (thin * cos - drop * sin), 0.0, -thin * sin - drop * cos))
        pad.quat = [np.cos(self.lean_rad / 2), 0, side * np.sin(self.lean_rad / 2), 0]


def _add_pad(finger: mujoco.MjsBody, name: str, half: Vector, at: Vector) -> mujoco.MjsGeom:
    return finger.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half,
        pos=at,
        rgba=RUBBER,
        mass=0.02,
        friction=PAD_FRICTION,
        solref=PAD_SOLREF,
        solimp=PAD_SOLIMP,
        condim=4,
        priority=1,
        contype=ROBOT_CONTYPE,
        conaffinity=ROBOT_CONAFFINITY,
    )


def _mirror(spec: mujoco.MjSpec) -> None:
    left, right = FINGERS
    mirror = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT, name1=right, name2=left)
    mirror.data[:5] = [0, 1, 0, 0, 0]  # right = left, as a polynomial
    mirror.solref[:] = MIRROR_SOLREF
    mirror.solimp[:] = MIRROR_SOLIMP
