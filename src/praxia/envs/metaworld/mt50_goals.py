"""The starts of evaluations that make all fifty environments at once, such as Evo-1's and starVLA's.

`gymnasium.make_vec("Meta-World/MT50", seed=s)` draws fifty starts per task, task by task, from numpy's
global state seeded with s; each environment then takes one of its fifty at random at every reset, by a generator
seeded with s. A seed given to a reset changes nothing in metaworld 3.0.0.
"""

from functools import cache
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from metaworld.env_dict import MT50_V3

from praxia.envs.metaworld.simulator import make_stock_env
from praxia.envs.metaworld.starts import draw_rand_vecs
from praxia.envs.metaworld.tasks import short_name

__all__ = ["goals", "mt50_payload"]

_GOALS_PER_TASK = 50


def mt50_payload(seed: int, task: str, index: int) -> dict[str, Any]:
    """The payload of the start of a task's episode `index` in an evaluation with that seed.

    Some random draws give the same start: their payloads differ in "episode", which no simulator reads, so that each is
    a separate episode with its own noise.
    """
    rng, _ = seeding.np_random(seed)
    drawn = [int(rng.choice(_GOALS_PER_TASK)) for _ in range(index + 1)]
    return {"rand_vec": list(goals(seed, task)[drawn[-1]]), "episode": index}


def goals(seed: int, task: str) -> tuple[tuple[float, ...], ...]:
    """The random vectors of `task` in `metaworld.MT50(seed)`, in metres. The first call takes seconds."""
    return _all_goals(seed)[task]


@cache
def _all_goals(seed: int) -> dict[str, tuple[tuple[float, ...], ...]]:
    rng = np.random.RandomState(seed)
    return {task: _draw(task, rng) for task in map(short_name, MT50_V3)}


def _draw(task: str, rng: np.random.RandomState) -> tuple[tuple[float, ...], ...]:
    stock = make_stock_env(task)
    drawn = draw_rand_vecs(stock, rng, _GOALS_PER_TASK)
    stock.close()
    return tuple(map(tuple, drawn))
