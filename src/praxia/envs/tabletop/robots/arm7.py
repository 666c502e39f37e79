"""A 7-joint arm similar to an iiwa: alternating rolls and pitches. Its gripper is a pair of hinged jaws.

The hand leaves one motion free: the elbow swinging about the line from shoulder to wrist. It is used to keep the roll
of the upper arm at zero, with the elbow above that line.
"""

from dataclasses import replace

from praxia.envs.tabletop.robots.arm import Arm
from praxia.envs.tabletop.robots.grippers import HingedJaws
from praxia.envs.tabletop.robots.links import LARGE, MEDIUM, SMALL, TINY, Rod, Segment

__all__ = ["ARM7", "ARM7_JOINTS"]

SHELL, JOINT = (0.88, 0.88, 0.86, 1.0), (0.30, 0.30, 0.33, 1.0)

SEGMENTS = (
    Segment(
        name="arm_base_roll",
        offset=(0.0, 0.0, 0.58),
        axis="z",
        motor=LARGE,
        mass=0.3,
        rods=(Rod((0.0, 0.0, 0.0), (0.0, 0.0, 0.06), 0.062, SHELL),),
    ),
    Segment(
        name="arm_shoulder_pitch",
        offset=(0.0, 0.0, 0.10),
        axis="x",
        motor=LARGE,
        mass=0.2,
        rods=(Rod((-0.06, 0.0, 0.0), (0.06, 0.0, 0.0), 0.058, JOINT, flat=True),),
    ),
    Segment(
        name="arm_upper_roll",
        offset=(0.0, 0.0, 0.24),
        axis="z",
        motor=MEDIUM,
        mass=0.15,
        rods=(Rod((0.0, 0.0, -0.24), (0.0, 0.0, 0.22), 0.048, SHELL),),
    ),
    Segment(
        name="arm_elbow_pitch",
        offset=(0.0, 0.0, 0.22),
        axis="x",
        motor=MEDIUM,
        mass=0.2,
        rods=(Rod((-0.055, 0.0, 0.0), (0.055, 0.0, 0.0), 0.05, JOINT, flat=True),),
    ),
    Segment(
        name="arm_forearm_roll",
        offset=(0.0, -0.22, 0.0),
        axis="y",
        motor=SMALL,
        mass=0.1,
        rods=(Rod((0.0, 0.22, 0.0), (0.0, -0.22, 0.0), 0.038, SHELL),),
    ),
    Segment(
        name="arm_wrist_pitch",
        offset=(0.0, -0.24, 0.0),
        axis="x",
        motor=SMALL,
        mass=0.1,
        rods=(Rod((-0.048, 0.0, 0.0), (0.048, 0.0, 0.0), 0.042, JOINT, flat=True),),
    ),
    Segment(
        name="arm_hand_roll",
        offset=(0.0, 0.0, -0.05),
        axis="z",
        motor=TINY,
        mass=0.08,
        rods=(Rod((0.0, 0.0, -0.06), (0.0, 0.0, 0.03), 0.034, SHELL, flat=True),),
    ),
)

ARM7 = Arm(
    name="tabletop-arm7",
    command="hand",
    pedestal=Rod((0.0, 0.0, 0.0), (0.0, 0.0, 0.58), 0.075, JOINT, flat=True),
    segments=SEGMENTS,
    wrist_m=0.16,
    gripper=HingedJaws(),
    home_rad=(0.0, 0.0867, 0.0, 0.3831, 0.0, -0.4699, 0.0),
    posture=(0.0, 0.0, 1e-2, 0.0, 0.0, 0.0, 0.0),
)
ARM7_JOINTS = replace(ARM7, name="tabletop-arm7-joints", command="joints")
