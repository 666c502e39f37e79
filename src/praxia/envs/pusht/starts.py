"""Starts: the agent anywhere, the T anywhere but near the walls; or both as in the middle of a demonstration."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from praxia.core.errors import UnknownName
from praxia.core.keys import generator
from praxia.core.types import Start

__all__ = ["AS_SHOWN", "GOALS", "INSTRUCTIONS", "PAIRS", "draw_start", "short_name", "twin_start"]

AS_SHOWN = "as-shown"
INSTRUCTIONS = {
    "push": "push the grey T onto the green T",
    AS_SHOWN: "bring the agent and the grey T to where the image of the goal shows them",
}

# Pairs of timesteps of the expert's episodes, 25 steps apart: `studies.pusht_goals` makes the file.
GOALS = Path(__file__).with_name("goals.json")
# Which of them each split has.
PAIRS = {"test": slice(0, 100), "train": slice(100, 150), "others": slice(150, 200)}

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

    Of "as-shown" there are as many as pairs in `GOALS`: `PAIRS` of "test", of splits that begin with "train", and of
    all others, so that these have no start in common. Each split has an order of its own; after its last start the
    first comes again. The payload then has "goal", too, `{"agent", "block"}` as in the start.

    Of "push" the payload is `{"agent": [x, y], "block": [x, y, angle]}` in pixels and radians. The distribution is the
    package's, the generator is not. Deviation: the package's `reset_to_state` takes the T's position before it is
    turned; the payload has the resulting position.
    """
    if short_name(task) == AS_SHOWN:
        return _draw_pair(split, index)
    rng = generator("pusht", task, split, index)
    agent, unturned = rng.integers(50, 450, 2), rng.integers(100, 400, 2)
    angle = rng.uniform(-np.pi, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    block = unturned + GRAVITY_PX - np.array([[cos, -sin], [sin, cos]]) @ GRAVITY_PX
    return Start("pusht", task, {"agent": agent.tolist(), "block": [*block.tolist(), float(angle)]})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)


def _draw_pair(split: str, index: int) -> Start:
    kind = "test" if split == "test" else "train" if split.startswith("train") else "others"
    pairs = _pairs()[PAIRS[kind]]
    begin, end = pairs[generator("pusht", AS_SHOWN, split).permutation(len(pairs))[index % len(pairs)]]
    return Start("pusht", AS_SHOWN, {**begin, "goal": end})


@cache
def _pairs() -> list[list[dict[str, list[float]]]]:
    return json.loads(GOALS.read_text())
