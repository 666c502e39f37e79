"""Where episodes begin: explicit values, drawn so that start `index` of a split never depends on any other."""

from functools import lru_cache

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.metaworld.tasks import short_name
from praxia.envs.metaworld.env import make_simulator

__all__ = ["draw_start", "twin_start"]

_simulator = lru_cache(maxsize=4)(make_simulator)


@lru_cache(maxsize=8192)
def draw_start(task: str, split: str, index: int) -> Start:
    """Start number `index` of a Meta-World task's split, such as "test" or "train-0".

    The random vector (object and goal positions) is drawn by Meta-World's own reset, which draws again where objects
    would overlap, from a generator keyed by (task, split, index) alone.
    """
    task = short_name(task)
    simulator = _simulator(task)
    simulator._freeze_rand_vec = False
    simulator.seeded_rand_vec = True
    simulator.np_random = generator("metaworld", task, split, index)
    simulator.reset()
    return Start("metaworld", task, {"rand_vec": [float(value) for value in simulator._last_rand_vec]})


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.task, f"twin-{start.key}", 0)
