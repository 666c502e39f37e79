"""Starts as explicit values, drawn so that start `index` of a split never depends on any other."""

from functools import lru_cache, partial
from typing import Any

import mujoco
import numpy as np
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.metaworld.simulator import MetaWorldSimulator
from praxia.envs.metaworld.tasks import short_name

__all__ = ["draw_rand_vec", "draw_rand_vecs", "draw_start", "twin_start"]

_simulator = lru_cache(maxsize=4)(MetaWorldSimulator)


@lru_cache(maxsize=8192)
def draw_start(task: str, split: str, index: int, env: str = "metaworld") -> Start:
    """Start `index` of a Meta-World task's split, such as "test" or "train-0", for the family `env`.

    All families with these starts share them: they are keyed by (task, split, index) alone.
    """
    task = short_name(task)
    return Start(env, task, {"rand_vec": draw_rand_vec(task, generator("metaworld", task, split, index))})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0, start.env)


def draw_rand_vec(task: str, rng: np.random.Generator) -> list[float]:
    """The random vector (object and goal positions, in metres) that Meta-World's own reset draws from `rng`."""
    simulator = _simulator(task)
    simulator.reset_to_built()
    return draw_rand_vecs(simulator.stock, rng, 1)[0]


def draw_rand_vecs(stock: Any, rng: np.random.Generator | np.random.RandomState, num_draws: int) -> list[list[float]]:
    """The random vectors, in metres, of the next `num_draws` resets of Meta-World's own `stock` by `rng`.

    Meta-World draws again if objects would overlap. The hand's motion to its first position, on which no vector
    depends, is skipped: it takes 94% of the time.
    """
    stock._freeze_rand_vec, stock.seeded_rand_vec, stock.np_random = False, True, rng
    stock._reset_hand = partial(_keep_hand, stock)
    drawn = []
    for _ in range(num_draws):
        stock.reset()
        drawn.append(stock._last_rand_vec.tolist())
    del stock._reset_hand  # a reference cycle, which would keep the memory until garbage collection
    return drawn


def _keep_hand(stock: SawyerXYZEnv, steps: int = 50) -> None:
    """In place of `_reset_hand`: leaves the same attributes, without moving the hand."""
    mujoco.mj_forward(stock.model, stock.data)
    stock.init_tcp = stock.tcp_center
