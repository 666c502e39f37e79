"""What every world must keep (`praxia.nn.world`), and the smallest world that does."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from praxia.core.embodiment import Embodiment, Field
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.nn.trainable import ModelConfig
from praxia.nn.world import Imagined

POINT = Embodiment(
    name="point",
    state=(Field("point", 2, "position", "m"),),
    action=(Field("point", 2, "velocity", "m/s", low=-1.0, high=1.0),),
    cameras=(),
    control_hz=10.0,
)


def query(*states, key="episode"):
    """A query with a history of `states`, without images."""
    history = tuple(
        Observation({}, np.array(state, np.float32), "move", step / 10) for step, state in enumerate(states)
    )
    return Query(history, key, step=len(states) - 1, row=0)


@dataclass(frozen=True)
class PointState:
    position: torch.Tensor

    @property
    def latent(self):
        return self.position[:, None]

    def rows(self, index):
        return PointState(self.position[index])


class PointWorld:
    """A point that moves at the velocities it is given. Its latent is its position."""

    embodiment = POINT
    window = Window({"state": (0,)}, horizon=4)
    stride = 2

    def start(self, queries):
        return PointState(torch.from_numpy(np.stack([query.history[-1].state for query in queries])))

    def imagine(self, state, actions):
        path = state.position[:, None] + actions.cumsum(1) / POINT.control_hz
        return Imagined(path[:, self.stride - 1 :: self.stride, None], PointState(path[:, -1]))


def expect_world(world, queries, actions):
    """Assert what `World` promises. `queries`: at least two that differ; `actions`: [B, H, A] for them, H at least two
    strides.
    """
    state = world.start(queries)
    found = world.imagine(state, actions)
    batch, horizon = actions.shape[:2]
    assert found.latents.shape[:2] == (batch, horizon // world.stride)
    torch.testing.assert_close(found.state.latent, found.latents[:, -1])
    again = world.imagine(state, actions)
    assert torch.equal(found.latents, again.latents), "imagining changed the state"
    for row in range(batch):
        alone = world.imagine(world.start(queries[row : row + 1]), actions[row : row + 1])
        torch.testing.assert_close(alone.latents[0], found.latents[row], rtol=1e-4, atol=1e-5)
    index = torch.tensor([batch - 1, 0, 0])
    forked = world.imagine(state.rows(index), actions[index])
    torch.testing.assert_close(forked.latents, found.latents[index], rtol=1e-4, atol=1e-5)
    first = world.imagine(state, actions[:, : world.stride])
    rest = world.imagine(first.state, actions[:, world.stride :])
    torch.testing.assert_close(torch.cat([first.latents, rest.latents], dim=1), found.latents, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(world.imagine(state, -actions).latents, found.latents), "actions change nothing"


@dataclass(frozen=True)
class ToyWorld(ModelConfig):
    """A model that is a world: a point that moves at its weight times the actions. Registered by a test in `MODELS`."""

    tag = "toy-world"

    def build(self, shapes):
        return ToyWorldModel()

    def make_world(self, model, transforms, embodiments, window, *, masked):
        return LearnedWorld(model, embodiments[0], window)


class ToyWorldModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.speed = nn.Parameter(torch.tensor(0.1))


class LearnedWorld(PointWorld):
    def __init__(self, model, embodiment, window):
        self.model, self.embodiment, self.window = model, embodiment, window

    def imagine(self, state, actions):
        path = state.position[:, None] + self.model.speed * actions.cumsum(1)
        return Imagined(path[:, self.stride - 1 :: self.stride, None], PointState(path[:, -1]))
