"""The robot of Bimodal: what its numbers mean, and the sizes of what it meets."""

from functools import cache

from praxia.core.embodiment import Camera, Embodiment, Field

__all__ = ["ARENA_M", "CAMERA", "CONTACT_M", "CONTROL_HZ", "GOAL_M", "ROBOT_M", "embodiment"]

CAMERA = "top"
CONTROL_HZ = 10.0

# Radii: of the robot, of the obstacle and the robot together, and of the goal that the robot's centre must reach.
ROBOT_M, CONTACT_M, GOAL_M = 0.05, 0.3, 0.1

# Where the robot's centre can be: the lowest and the highest x and y.
ARENA_M = ((-1.25, -0.5), (1.25, 2.0))


@cache
def embodiment(size: int) -> Embodiment:
    """A disc that is moved in the plane, seen from above by one camera of `size` pixels.

    The state holds the obstacle and the goal too: nobody needs to look.
    """
    return Embodiment(
        name="bimodal",
        state=(
            Field("robot", 2, "position", "m", frame="world"),
            Field("obstacle", 2, "position", "m", frame="world"),
            Field("goal", 2, "position", "m", frame="world"),
        ),
        action=(Field("robot", 2, "velocity", "m/s", frame="world", low=-1.0, high=1.0),),
        cameras=(Camera(CAMERA, size, size),),
        control_hz=CONTROL_HZ,
    )
