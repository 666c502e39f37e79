"""Starts: the robot somewhere, and a goal at a given distance through the rooms."""

import numpy as np
from jaxtyping import Float64

from praxia.core.errors import UnknownName
from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.tworoom.rooms import BESIDE_M, REACH_M, path_length

__all__ = ["INSTRUCTIONS", "STEP_M", "draw_start", "short_name", "twin_start"]

INSTRUCTIONS = {
    "any": "go to the place that the image of the goal shows",
    "same-room": "go to the place that the image of the goal shows",
    "through-door": "go to the place that the image of the goal shows",
}

# How far the robot moves in a control step at 1 m/s. A distance in steps is that of the shortest path at this speed.
STEP_M = 0.1

# The goals of "same-room" and "through-door" are so many steps away, give or take half a step.
STEPS = 25


def short_name(task: str) -> str:
    """The task's name, unchanged.

    Raises:
        UnknownName: another task.
    """
    if task not in INSTRUCTIONS:
        raise UnknownName("task of TwoRoom", task, INSTRUCTIONS, "praxia info --tasks tworoom")
    return task


def draw_start(task: str, split: str, index: int) -> Start:
    """Start `index` of a split, such as "test" or "train-0": a pure function of (task, split, index).

    The payload is `{"robot", "goal"}`, each [x, y] in metres. Robots of "any" and their goals are anywhere; those of
    "same-room" and "through-door" are `STEPS` steps apart, in one room or in both.
    """
    rng = generator("tworoom", short_name(task), split, index)
    while True:
        robot, goal = _anywhere(rng), _anywhere(rng)
        if task == "any":
            break
        in_one_room, straight_m = robot[0] * goal[0] > 0, float(np.linalg.norm(goal - robot))
        if in_one_room != (task == "same-room") or straight_m > (STEPS + 0.5) * STEP_M:
            continue
        if abs(path_length(robot, goal) / STEP_M - STEPS) <= 0.5:
            break
    return Start("tworoom", task, {"robot": robot.tolist(), "goal": goal.tolist()})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)


def _anywhere(rng: np.random.Generator) -> Float64[np.ndarray, "2"]:
    """A place in either room, not in the door."""
    side = rng.choice((-1.0, 1.0))
    return np.array([side * rng.uniform(BESIDE_M, REACH_M), rng.uniform(-REACH_M, REACH_M)])
