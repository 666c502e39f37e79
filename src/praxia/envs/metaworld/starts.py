"""Where episodes begin: explicit values, drawn so that start `index` of a split never depends on any other."""

from functools import lru_cache, partial

import mujoco
import numpy as np
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.metaworld.simulator import Simulator
from praxia.envs.metaworld.tasks import short_name

__all__ = ["draw_rand_vec", "draw_start", "twin_start"]

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
    """The random vector (object and goal positions, in metres) that Meta-World's own reset draws from `rng`.

    It draws again where objects would overlap. The hand's way to its first place, on which no vector depends, is left
    out: it is 94% of the time.
    """
    simulator = _simulator(task)
    simulator.renew()
    stock = simulator.stock
    stock._freeze_rand_vec = False
    stock.seeded_rand_vec = True
    stock.np_random = rng
    stock._reset_hand = partial(_stay, stock)
    stock.reset()
    assert stock._last_rand_vec is not None
    return stock._last_rand_vec.tolist()


def _stay(stock: SawyerXYZEnv, steps: int = 50) -> None:
    """In place of `_reset_hand`: leaves what that leaves, of the hand where it is."""
    mujoco.mj_forward(stock.model, stock.data)
    stock.init_tcp = stock.tcp_center
