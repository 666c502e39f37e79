"""Where episodes begin: explicit values, drawn so that start `index` of a split never depends on any other."""

from functools import lru_cache

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.metaworld.simulator import Simulator
from praxia.envs.metaworld.tasks import short_name

__all__ = ["draw_start", "twin_start"]

_simulator = lru_cache(maxsize=4)(Simulator)


@lru_cache(maxsize=8192)
def draw_start(task: str, split: str, index: int) -> Start:
    """Start number `index` of a Meta-World task's split, such as "test" or "train-0".

    The random vector (object and goal positions) is drawn by Meta-World's own reset, which draws again where objects
    would overlap, from a generator keyed by (task, split, index) alone.
    """
    task = short_name(task)
    simulator = _simulator(task)
    simulator.renew()
    stock = simulator.stock
    stock._freeze_rand_vec = False
    stock.seeded_rand_vec = True
    stock.np_random = generator("metaworld", task, split, index)
    stock.reset()
    assert stock._last_rand_vec is not None
    return Start("metaworld", task, {"rand_vec": stock._last_rand_vec.tolist()})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)
