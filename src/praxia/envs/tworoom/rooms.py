"""The rooms: where the robot's centre can be, and the shortest path from one place to another."""

import numpy as np
from jaxtyping import Float64

__all__ = ["DOOR_M", "ROBOT_M", "SIDE_M", "WALL_M", "moved", "path_length", "shortest_path"]

Point = Float64[np.ndarray, "2"]

# The square arena from -SIDE_M to SIDE_M; half the thickness of the wall, and half the width of the door in its middle.
SIDE_M, WALL_M, DOOR_M = 2.0, 0.1, 0.45
ROBOT_M = 0.15

# The same for the robot's centre, which keeps its radius from every wall. In the door, |x| < BESIDE_M, it is at |y| of
# at most WITHIN_M.
REACH_M, BESIDE_M, WITHIN_M = SIDE_M - ROBOT_M, WALL_M + ROBOT_M, DOOR_M - ROBOT_M

_TOLERANCE_M = 1e-9


def moved(position: Point, step: Point) -> Point:
    """Where a step ends: first along x, then along y, each up to the wall, so that the robot slides along walls.

    A step is shorter than the wall is thick.
    """
    x, y = position
    new_x, new_y = np.clip(position + step, -REACH_M, REACH_M)
    if abs(y) > WITHIN_M and abs(new_x) < BESIDE_M:
        new_x = np.copysign(BESIDE_M, x)
    if abs(new_x) < BESIDE_M:
        new_y = np.clip(new_y, -WITHIN_M, WITHIN_M)
    return np.array([new_x, new_y])


def shortest_path(start: Point, goal: Point) -> list[Point]:
    """The corners of the shortest path around the door's edges, the goal last."""
    if _is_free(start, goal):
        return [goal]
    ahead = np.copysign(BESIDE_M, goal[0] - start[0])
    near, far = ([np.array([x, y]) for y in (-WITHIN_M, WITHIN_M)] for x in (-ahead, ahead))
    ways = [[corner, goal] for corner in (*near, *far)] + [[first, second, goal] for first in near for second in far]
    free = [way for way in ways if all(_is_free(a, b) for a, b in zip([start, *way], way, strict=False))]
    return min(free, key=lambda way: _length(start, way))


def path_length(start: Point, goal: Point) -> float:
    """The length of the shortest path, in metres."""
    return _length(start, shortest_path(start, goal))


def _length(start: Point, way: list[Point]) -> float:
    return sum(float(np.linalg.norm(b - a)) for a, b in zip([start, *way], way, strict=False))


def _is_free(a: Point, b: Point) -> bool:
    """Whether the segment between two places within the rooms passes no wall: within the wall it is in the door."""
    step = b - a
    if step[0] == 0:
        fractions = np.array([0.0, 1.0]) if abs(a[0]) < BESIDE_M - _TOLERANCE_M else np.array([])
    else:
        fractions = np.sort((np.array([-BESIDE_M, BESIDE_M]) - a[0]) / step[0])
        fractions = np.clip(fractions, 0, 1)
        if fractions[1] - fractions[0] < _TOLERANCE_M:
            return True
    return bool((np.abs(a[1] + fractions * step[1]) <= WITHIN_M + _TOLERANCE_M).all())
