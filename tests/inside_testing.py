"""Policies for tests of what happens inside worlds, with factories by which `eval` finds them."""

import numpy as np

from praxia.core.types import Decision
from praxia.core.window import Window


class ToGoal:
    """Straight to the goal, some steps at once, by the first two and the last two numbers of the state.

    `gain` is the share of the way that it goes.
    """

    privileged = False

    def __init__(self, embodiment=None, cameras=(), horizon=8, steps=(0,), gain=1.0):
        self.embodiment = embodiment
        self.window = Window({**{f"image.{one}": (0,) for one in cameras}, "state": steps}, horizon)
        self.gain = gain

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        return [self._decide(query) for query in queries], None

    def _decide(self, query):
        assert query.history[-1].images.keys() == set(self.window.cameras)
        state, horizon = query.history[-1].state, self.window.horizon
        action = np.clip(self.gain * (state[-2:] - state[:2]) * 10 / horizon, -1, 1).astype(np.float32)
        return Decision(np.tile(action, (horizon, 1)), np.ones(horizon, bool))


def to_goal(embodiment):
    return ToGoal(embodiment)


def half_way(embodiment):
    return ToGoal(embodiment, gain=0.5)


def away(embodiment):
    return ToGoal(embodiment, gain=-1.0)


def seeing(embodiment):
    return ToGoal(embodiment, cameras=("top",))


def remembering(embodiment):
    return ToGoal(embodiment, steps=(-1, 0))


def hasty(embodiment):
    return ToGoal(embodiment, horizon=3)
