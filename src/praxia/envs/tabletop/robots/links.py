"""Parts of robots: segments (a joint, the shapes that it moves, its servo), rods, position servos, the hand's frame.

All lengths are those of one pose, joints at zero, in which every segment's frame is parallel to the world's and the
hand points straight down. Links have gravity compensation, which a real arm's driver adds: the servos need no integral
term to hold the hand in place.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import mujoco
import numpy as np

from praxia.envs.tabletop.robots.robot import GRIP, ROBOT_CONAFFINITY, ROBOT_CONTYPE, WRIST

__all__ = [
    "LARGE",
    "LIMIT_RAD",
    "MEDIUM",
    "SMALL",
    "TINY",
    "Motor",
    "Rod",
    "Segment",
    "Vector",
    "add_hand_frame",
    "add_rods",
    "add_segment",
    "add_servo",
]

Vector: TypeAlias = tuple[float, float, float]
Rgba: TypeAlias = tuple[float, float, float, float]

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}

# Damping over stiffness: critical damping. Undamped, joints would oscillate at about 50 rad/s.
DAMPING_S = 0.04

# Every joint can turn this far in both directions.
LIMIT_RAD = 2.5


@dataclass(frozen=True)
class Rod:
    """A capsule, or a cylinder where `flat`, from one point to another in its segment's frame, in metres."""

    start: Vector
    end: Vector
    radius: float
    rgba: Rgba
    flat: bool = False


@dataclass(frozen=True)
class Motor:
    """The servo's `stiffness` in N m/rad, maximum `torque` in N m, and the motor's own inertia in kg m² at the joint.

    That inertia is a good part of what the motor moves, so that an arm's response depends little on its pose.
    """

    stiffness: float
    torque: float
    armature: float


# Sized so that the hand accelerates at about 50 m/s² and presses with 35 N (farthest) to 95 N (nearest).
LARGE, MEDIUM = Motor(1200.0, 24.0, 0.25), Motor(650.0, 14.0, 0.15)
SMALL, TINY = Motor(180.0, 7.0, 0.06), Motor(90.0, 4.0, 0.03)


@dataclass(frozen=True)
class Segment:
    """A hinge about `axis`, `offset` metres from the hinge before, and the rods that it moves, `mass` kg together."""

    name: str
    offset: Vector
    axis: Literal["x", "y", "z"]
    motor: Motor
    mass: float
    rods: tuple[Rod, ...]


def add_segment(spec: mujoco.MjSpec, parent: mujoco.MjsBody, segment: Segment) -> mujoco.MjsBody:
    """Add `segment` and its servo to `parent`. Joint, body and actuator have its name."""
    body = parent.add_body(name=segment.name, pos=segment.offset, gravcomp=1)
    limit_deg = np.rad2deg(LIMIT_RAD)  # joint ranges of a spec are in degrees
    body.add_joint(
        name=segment.name,
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=AXES[segment.axis],
        range=[-limit_deg, limit_deg],
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        armature=segment.motor.armature,
    )
    add_rods(body, segment.rods, segment.mass)
    add_servo(
        spec,
        segment.name,
        (-LIMIT_RAD, LIMIT_RAD),
        stiffness=segment.motor.stiffness,
        damping=segment.motor.stiffness * DAMPING_S,
        force=segment.motor.torque,
    )
    return body


def add_rods(body: mujoco.MjsBody, rods: tuple[Rod, ...], mass: float) -> None:
    """Add the shapes `rods` to `body`. They share `mass` kg equally."""
    for rod in rods:
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER if rod.flat else mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[*rod.start, *rod.end],
            size=[rod.radius, 0, 0],
            rgba=rod.rgba,
            mass=mass / len(rods),
            contype=ROBOT_CONTYPE,
            conaffinity=ROBOT_CONAFFINITY,
        )


def add_servo(
    spec: mujoco.MjSpec, joint: str, limits: tuple[float, float], *, stiffness: float, damping: float, force: float
) -> None:
    """Drive `joint` with force = stiffness (target - position) - damping velocity, within ± `force`.

    The actuator has the joint's name; its target is kept within `limits`. Damping is integrated implicitly, after
    contacts were solved without it: if damping times the time step exceeds about half the joint's inertia, hand and
    object separate at each jolt and a grasped object slips out. Damp less, or increase the joint's armature.
    """
    servo = spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
        forcerange=[-force, force],
        ctrllimited=mujoco.mjtLimited.mjLIMITED_TRUE,
        ctrlrange=limits,
    )
    servo.set_to_position(kp=stiffness, kv=damping)


def add_hand_frame(hand: mujoco.MjsBody) -> None:
    """Mark `hand`'s origin, 5 mm above the ends of its fingertips, as the grip point, and mount the wrist camera.

    The camera is on the operator's side, below any palm, and looks 55 degrees down and away from the operator: the
    fingertips are in its upper third, and from a hand 15 cm above the table it sees 25 cm of it.
    """
    hand.add_site(name=GRIP, group=5)
    hand.add_camera(name=WRIST, pos=[0, -0.085, 0.08], xyaxes=[1, 0, 0, 0, 0.82, 0.57], fovy=70)
