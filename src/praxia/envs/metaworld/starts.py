"""Where episodes begin: explicit values, drawn so that start `index` of a split never depends on any other."""

from functools import lru_cache, partial
from typing import Any

import mujoco
import numpy as np
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.metaworld.simulator import Simulator
from praxia.envs.metaworld.tasks import short_name

__all__ = ["draw_rand_vec", "draw_rand_vecs", "draw_start", "twin_start"]

_simulator = lru_cache(maxsize=4)(Simulator)


@lru_cache(maxsize=8192)
def draw_start(task: str, split: str, index: int, env: str = "metaworld") -> Start:
    """Start number `index` of a Meta-World task's split, such as "test" or "train-0", for the family `env`.

    Every family that has these starts has the same ones: they are keyed by (task, split, index) alone.
    """
    task = short_name(task)
    return Start(env, task, {"rand_vec": draw_rand_vec(task, generator("metaworld", task, split, index))})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0, start.env)


def draw_rand_vec(task: str, rng: np.random.Generator) -> list[float]:
    """The random vector (object and goal positions, in metres) that Meta-World's own reset draws from `rng`."""
    simulator = _simulator(task)
    simulator.renew()
    return draw_rand_vecs(simulator.stock, rng, 1)[0]


def draw_rand_vecs(stock: Any, rng: np.random.Generator | np.random.RandomState, num_draws: int) -> list[list[float]]:
    """The random vectors, in metres, of the next `num_draws` resets of Meta-World's own `stock` by `rng`.

    Meta-World draws again where objects would overlap. The hand's way to its first place, on which no vector depends,
    is left out: it is 94% of the time.
    """
    stock._freeze_rand_vec, stock.seeded_rand_vec, stock.np_random = False, True, rng
    stock._reset_hand = partial(_stay, stock)
    drawn = []
    for _ in range(num_draws):
        stock.reset()
        drawn.append(stock._last_rand_vec.tolist())
    del stock._reset_hand  # it holds the environment that holds it, whose memory would wait to be collected
    return drawn


def _stay(stock: SawyerXYZEnv, steps: int = 50) -> None:
    """In place of `_reset_hand`: leaves what that leaves, of the hand where it is."""
    mujoco.mj_forward(stock.model, stock.data)
    stock.init_tcp = stock.tcp_center
