"""An arm as plain values: segments in a chain, each a joint, the shapes that it moves and the servo that drives it.

All lengths are those of one pose, joints at zero, in which every segment's frame is parallel to the world's and the
hand points straight down. Links bear gravity compensation, as a real arm's driver would add it: the servos need no
integral term to hold the hand where it should be.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import mujoco
import numpy as np

from praxia.envs.tabletop.robots.robot import ROBOT_CONAFFINITY, ROBOT_CONTYPE
from praxia.envs.tabletop.robots.servo import add_servo

__all__ = ["LARGE", "LIMIT_RAD", "MEDIUM", "SMALL", "TINY", "Motor", "Rod", "Segment", "add_rods", "add_segment"]

Vector: TypeAlias = tuple[float, float, float]
Rgba: TypeAlias = tuple[float, float, float, float]

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}

# Damping over stiffness. Undamped, joints would swing at about 50 rad/s: this is critical damping.
DAMPING_S = 0.04

# Every joint can turn this far to either side of zero.
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
    """The servo's `stiffness` in N m/rad, the most `torque` in N m, and the motor's own inertia in kg m² beyond gears.

    That inertia is a good part of what the motor moves, so that an arm answers much alike wherever it is.
    """

    stiffness: float
    torque: float
    armature: float


# Sized so that the hand starts at about 50 m/s² and presses with 35 N at its farthest to 95 N at its nearest.
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
    """Hang `segment` and its servo on `parent`; joint, body and actuator bear its name."""
    body = parent.add_body(name=segment.name, pos=segment.offset, gravcomp=1)
    limit_deg = np.rad2deg(LIMIT_RAD)  # a spec speaks in degrees where a joint is concerned
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
    """Give `body` the shapes `rods`, which share `mass` kg equally."""
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
