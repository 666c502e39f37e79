"""The robot of PushT: what its numbers mean."""

from functools import cache

from praxia.core.embodiment import Camera, Embodiment, Field

__all__ = ["CAMERA", "CONTROL_HZ", "SIDE_PX", "embodiment"]

CAMERA = "top"
CONTROL_HZ = 10.0
SIDE_PX = 512.0


@cache
def embodiment(size: int) -> Embodiment:
    """A disc that is told where to go, seen from above by one camera of `size` pixels.

    The state holds the T too, as the field's does: the middle of the outer edge of its cross bar, and where it points.
    Deviation: the cosine and sine of its angle in place of the angle, which jumps from a full turn to none.
    """
    return Embodiment(
        name="pusht",
        state=(
            Field("agent", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),
            Field("block", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),
            Field("block_heading", 2, "position", "", frame="picture", low=-1.0, high=1.0),
        ),
        action=(Field("agent", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),),
        cameras=(Camera(CAMERA, size, size),),
        control_hz=CONTROL_HZ,
    )
