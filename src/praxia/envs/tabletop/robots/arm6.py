"""A 6-joint arm similar to a UR: yaw, shoulder, elbow and three wrist joints, none of them near a singularity while the
hand points down. Its gripper is a pair of sliding fingers."""

from dataclasses import replace

from praxia.envs.tabletop.robots.arm import Arm
from praxia.envs.tabletop.robots.grippers import SlidingFingers
from praxia.envs.tabletop.robots.links import LARGE, MEDIUM, SMALL, TINY, Rod, Segment

__all__ = ["ARM6", "ARM6_JOINTS"]

METAL, JOINT = (0.70, 0.72, 0.75, 1.0), (0.33, 0.42, 0.50, 1.0)

# The upper arm runs beside the plane of the forearm and the wrist, as a UR's does.
SIDE_M = 0.085

SEGMENTS = (
    Segment(
        name="arm_yaw",
        offset=(0.0, 0.0, 0.60),
        axis="z",
        motor=LARGE,
        mass=0.3,
        rods=(Rod((-0.05, 0.0, 0.08), (SIDE_M + 0.045, 0.0, 0.08), 0.055, JOINT, flat=True),),
    ),
    Segment(
        name="arm_shoulder",
        offset=(0.0, 0.0, 0.08),
        axis="x",
        motor=LARGE,
        mass=0.3,
        rods=(Rod((SIDE_M, 0.0, 0.0), (SIDE_M, 0.0, 0.45), 0.042, METAL),),
    ),
    Segment(
        name="arm_elbow",
        offset=(0.0, 0.0, 0.45),
        axis="x",
        motor=MEDIUM,
        mass=0.2,
        rods=(
            Rod((-0.04, 0.0, 0.0), (SIDE_M + 0.045, 0.0, 0.0), 0.045, JOINT, flat=True),
            Rod((0.0, 0.0, 0.0), (0.0, -0.43, 0.0), 0.034, METAL),
        ),
    ),
    Segment(
        name="arm_wrist_pitch",
        offset=(0.0, -0.43, 0.0),
        axis="x",
        motor=SMALL,
        mass=0.1,
        rods=(Rod((-0.045, 0.0, 0.0), (0.045, 0.0, 0.0), 0.036, JOINT, flat=True),),
    ),
    Segment(
        name="arm_wrist_roll",
        offset=(0.0, 0.0, -0.065),
        axis="y",
        motor=SMALL,
        mass=0.1,
        rods=(Rod((0.0, -0.042, 0.0), (0.0, 0.042, 0.0), 0.034, METAL, flat=True),),
    ),
    Segment(
        name="arm_wrist_yaw",
        offset=(0.0, 0.0, -0.05),
        axis="z",
        motor=TINY,
        mass=0.08,
        rods=(Rod((0.0, 0.0, -0.03), (0.0, 0.0, 0.025), 0.030, JOINT, flat=True),),
    ),
)

ARM6 = Arm(
    name="tabletop-arm6",
    command="hand",
    pedestal=Rod((0.0, 0.0, 0.0), (0.0, 0.0, 0.60), 0.065, METAL, flat=True),
    segments=SEGMENTS,
    wrist_m=0.10,
    gripper=SlidingFingers(),
    home_rad=(0.0, 0.1437, 0.3149, -0.4586, 0.0, 0.0),
    posture=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
ARM6_JOINTS = replace(ARM6, name="tabletop-arm6-joints", command="joints")
