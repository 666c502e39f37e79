"""Starts: the agent anywhere, the T anywhere but near the walls."""

import numpy as np

from praxia.core.errors import UnknownName
from praxia.core.keys import generator
from praxia.core.types import Start

__all__ = ["INSTRUCTIONS", "draw_start", "short_name", "twin_start"]

INSTRUCTIONS = {"push": "push the grey T onto the green T"}

# The T's centre of gravity, in its own frame. The package places the T and then turns it about this point.
GRAVITY_PX = np.array([0.0, 45.0])


def short_name(task: str) -> str:
    """The task's name, unchanged.

    Raises:
        UnknownName: another task.
    """
    if task not in INSTRUCTIONS:
        raise UnknownName("task of PushT", task, INSTRUCTIONS, "praxia info --tasks pusht")
    return task


def draw_start(task: str, split: str, index: int) -> Start:
    """Start `index` of a split, such as "test" or "train-0": a pure function of (task, split, index).

    The payload is `{"agent": [x, y], "block": [x, y, angle]}` in pixels and radians. The distribution is the package's,
    the generator is not. Deviation: the package's `reset_to_state` takes the T's position before it is turned; the
    payload has the resulting position.
    """
    rng = generator("pusht", short_name(task), split, index)
    agent, unturned = rng.integers(50, 450, 2), rng.integers(100, 400, 2)
    angle = rng.uniform(-np.pi, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    block = unturned + GRAVITY_PX - np.array([[cos, -sin], [sin, cos]]) @ GRAVITY_PX
    return Start("pusht", task, {"agent": agent.tolist(), "block": [*block.tolist(), float(angle)]})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)
