"""The robot of Meta-World: what its numbers mean, and the cameras that watch it."""

from functools import cache

from praxia.core.types import Camera, Embodiment, Field
from praxia.envs.render import Mounted, View

__all__ = ["CAMERAS", "CONTROL_HZ", "embodiment"]

CONTROL_HZ = 80.0

CAMERAS = {
    # Not one of the package's cameras: in this one's picture the objects and goals of all fifty tasks are as large as
    # they can be with none of them outside (the closest to an edge are stick-pull's goals).
    "workspace": View(position_m=(0.75, 0.05, 0.75), target_m=(0.04, 0.66, 0.09), fovy_deg=42.0),
    # The package's own, on the hand: it looks down between the fingers, and what is to be grasped grows in it.
    "hand": Mounted("gripperPOV"),
}


@cache
def embodiment(size: int) -> Embodiment:
    """A Sawyer arm whose hand is moved in space, without rotation, seen by two cameras of `size` pixels: one hangs in
    the room, one moves with the hand.

    The state holds no object and no goal. The gripper's opening is a fraction of 0.1 m; its action is an effort, in
    fractions of the most, that closes where positive.
    """
    return Embodiment(
        name="metaworld-sawyer",
        state=(
            Field("hand", 3, "position", "m", frame="world"),
            Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
        ),
        action=(
            Field("hand", 3, "delta", "cm", frame="world", low=-1.0, high=1.0),
            Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0),
        ),
        cameras=tuple(Camera(name, size, size) for name in CAMERAS),
        control_hz=CONTROL_HZ,
    )
