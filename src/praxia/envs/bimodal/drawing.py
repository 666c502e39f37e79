"""What the camera above sees: three discs on white, in numpy."""

import numpy as np
from jaxtyping import Float64, UInt8

from praxia.envs.bimodal.embodiment import ARENA_M, CONTACT_M, GOAL_M, ROBOT_M

__all__ = ["draw"]

GROUND, GOAL, OBSTACLE, ROBOT = (245, 245, 245), (150, 210, 150), (70, 70, 80), (220, 90, 40)


def draw(
    robot: Float64[np.ndarray, "2"], obstacle: Float64[np.ndarray, "2"], goal: Float64[np.ndarray, "2"], size: int
) -> UInt8[np.ndarray, "Y X 3"]:
    """The whole arena in `size` pixels a side, y upwards. A pixel shows what is at its middle; nothing is smoothed."""
    (left, near), (right, far) = ARENA_M
    steps = (np.arange(size) + 0.5) / size
    x, y = left + (right - left) * steps, far - (far - near) * steps[:, None]
    image = np.full((size, size, 3), GROUND, np.uint8)
    discs = ((goal, GOAL_M, GOAL), (obstacle, CONTACT_M - ROBOT_M, OBSTACLE), (robot, ROBOT_M, ROBOT))
    for centre, radius, colour in discs:
        image[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2] = colour
    return image
