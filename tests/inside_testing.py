"""Policies for tests of what happens inside worlds, with factories by which `eval` finds them; and a stored world."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from praxia_testing import make_config
from world_testing import LearnedWorld, PointState, ToyWorld

from praxia import policies
from praxia.checkpoint.store import save_policy
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.types import Decision
from praxia.core.window import Window
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.rollout.slots import LocalSlots


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


def demonstrate(root):
    """Twenty episodes of Bimodal's expert, with noise, and images of 8 px."""
    family = find_family("bimodal")
    plan = CollectionPlan("bimodal", ("pass",), 20, 50, size=8, cameras=("top",))
    collect(plan, root, family, make_slots=lambda num: LocalSlots(4, family.build))
    return root


@contextmanager
def stored_world(folder):
    """A stored world of Bimodal without its obstacle, whose latent is the robot's position. Its probes learn little."""

    def start(world, queries):
        return PointState(torch.from_numpy(np.stack([query.history[-1].state[:2] for query in queries])))

    robot = find_family("bimodal").embodiment(find_benchmark("bimodal").spec("pass"))
    seen = replace(make_config().window, observation_steps={"state": (0,)})
    config = replace(make_config(), model=ToyWorld(), embodiments=(robot,), window=seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(policies.MODELS, "toy-world", "world_testing:ToyWorld")
        patch.setattr("praxia.worlds.probe.STEPS", 400)
        patch.setattr("praxia.worlds.probes.NUM_WINDOWS", 200)
        patch.setattr(LearnedWorld, "start", start)
        save_policy(folder, config, {"speed": torch.tensor(0.1)})
        yield folder
