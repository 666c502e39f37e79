"""Starts: the robot straight before the obstacle, with the goal straight behind it."""

from praxia.core.errors import UnknownName
from praxia.core.keys import generator
from praxia.core.types import Start

__all__ = ["INSTRUCTIONS", "draw_start", "short_name", "twin_start"]

INSTRUCTIONS = {"pass": "go around the obstacle and reach the goal behind it"}

# The robot begins at most this far to a side of the obstacle's centre: too little to favour one side.
ASIDE_M = 0.01


def short_name(task: str) -> str:
    """The task's name, unchanged.

    Raises:
        UnknownName: another task.
    """
    if task not in INSTRUCTIONS:
        raise UnknownName("task of Bimodal", task, INSTRUCTIONS, "praxia info --tasks bimodal")
    return task


def draw_start(task: str, split: str, index: int) -> Start:
    """Start `index` of a split, such as "test" or "train-0": a pure function of (task, split, index).

    The payload is `{"robot", "obstacle", "goal"}`, each [x, y] in metres. The scene is shifted a little to the side and
    stretched a little ahead, so that only positions relative to the obstacle matter.
    """
    rng = generator("bimodal", short_name(task), split, index)
    middle, ahead, behind = rng.uniform(-0.1, 0.1), rng.uniform(0.5, 0.55), rng.uniform(1.45, 1.55)
    aside = rng.uniform(-ASIDE_M, ASIDE_M)
    payload = {"robot": [middle + aside, 0.0], "obstacle": [middle, ahead], "goal": [middle, behind]}
    return Start("bimodal", task, payload)


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)
