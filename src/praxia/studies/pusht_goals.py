"""Starts and goals on PushT as latent planning is evaluated: two timesteps of one of the expert's episodes."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from praxia.core.keys import generator
from praxia.core.simulator import expect_simulator
from praxia.core.types import EnvSpec, Query
from praxia.envs import build, find_family
from praxia.experts import find_expert

__all__ = ["STEPS", "expert_goals"]

# How far ahead of the start the goal is, as in DINO-WM and LeWM.
STEPS = 25


def expert_goals(count: int) -> list[list[dict[str, list[float]]]]:
    """`count` pairs of poses, `{"agent": [x, y], "block": [x, y, angle]}`, `STEPS` control steps apart.

    Each is of an episode of its own, from a start that no training has, at a step that is drawn; episodes that are
    shorter are left out. `envs/pusht/goals.json` has 200.
    """
    found = []
    for index in range(10 * count):
        poses = list(_poses(index))
        if len(poses) > STEPS:
            at = int(generator("pusht-goals", index).integers(len(poses) - STEPS))
            found.append([poses[at], poses[at + STEPS]])
        if len(found) == count:
            break
    return found


def _poses(index: int) -> Iterator[dict[str, list[float]]]:
    """Where agent and T are at each step of an episode of the expert, until it has succeeded."""
    family = find_family("pusht")
    start = family.draw_start("push", "goals", index)
    expert = find_expert("pusht")(family.instructions)
    carry: Any = expert.start(1)
    with closing(expect_simulator(build(EnvSpec("pusht", "push")), "an expert")) as env:
        env.reset(start)
        for step in range(family.horizon("push")):
            known = env.privileged()
            yield {name: np.round(known[name], 3).tolist() for name in ("agent", "block")}
            query = Query((env.observe(()),), start.key, step, 0, known)
            (decision,), carry = expert.act([query], carry)
            if env.command(decision.chunk[0]).terminated:
                return
