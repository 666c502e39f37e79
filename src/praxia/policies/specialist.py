"""A policy of one task that reads the simulator's state: what reinforcement learning trains (`praxia.reinforce`).

Its network is a tanh-squashed Gaussian: training draws actions from it, and the policy acts by its mean.

Axes: B rows, P numbers of privileged state, A action dims.
"""

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.simulator import flat_privileged
from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Shapes
from praxia.policies.interface import TrainedPolicy
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer

__all__ = ["Actor", "Specialist", "SpecialistPolicy", "action_transforms", "flat_states", "mlp", "squash"]

# The logarithm of the standard deviation, before squashing, is within these.
LOG_STD = (-5.0, 2.0)
# A dim that hardly varies at first may vary later, such as the position of a drawer that was never opened: none is
# stretched more than 4 times as much as the dim that varies most.
LEAST_SCALE = 0.25


@dataclass(frozen=True)
class Specialist(ModelConfig):
    """The network of a specialist. `privileged` is the layout of the simulator's state (`core.simulator`)."""

    tag = "specialist"
    privileged: Mapping[str, int] = field(default_factory=dict, hash=False)
    width: int = 256
    """Width of the hidden layers."""
    depth: int = 2
    """Number of hidden layers."""

    def build(self, shapes: Shapes) -> "Actor":
        """The network with fresh weights."""
        return Actor(sum(self.privileged.values()), shapes.action_dim, self.width, self.depth)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> "SpecialistPolicy":
        """The policy of a model that this config has built."""
        assert isinstance(model, Actor), type(model)
        return SpecialistPolicy(model, self.privileged, transforms, embodiments, window)


class Actor(nn.Module):
    """From a state to the mean and the log standard deviation of a Gaussian, of which tanh is the action in [-1, 1].

    Haarnoja et al. 2018 (arXiv 1812.05905); the range of the log standard deviation is soft, by a tanh, as in CleanRL.
    States are shifted and scaled by `fit_scale`, once, before the first update.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, num_inputs: int, action_dim: int, width: int, depth: int):
        super().__init__()
        self.trunk = mlp(num_inputs, width, depth)
        self.out = nn.Linear(width, 2 * action_dim)
        self.register_buffer("mean", torch.zeros(num_inputs))
        self.register_buffer("scale", torch.ones(num_inputs))

    def fit_scale(self, states: Float32[Tensor, "N P"]) -> None:
        """Shift by the mean of `states` and scale by the standard deviation, at least `LEAST_SCALE` of the largest."""
        std = states.double().std(dim=0, correction=0)
        self.mean.copy_(states.double().mean(dim=0))
        self.scale.copy_(torch.where(std.max() > 0, std.clamp_min(LEAST_SCALE * std.max()), 1.0))

    def scaled(self, state: Float[Tensor, "*B P"]) -> Float[Tensor, "*B P"]:
        """The state as networks see it."""
        return (state - self.mean) / self.scale

    def forward(self, state: Float[Tensor, "*B P"]) -> tuple[Float[Tensor, "*B A"], Float[Tensor, "*B A"]]:
        mean, raw = self.out(self.trunk(self.scaled(state))).chunk(2, dim=-1)
        low, high = LOG_STD
        return mean, low + (high - low) / 2 * (raw.tanh() + 1)


def mlp(num_inputs: int, width: int, depth: int) -> nn.Sequential:
    """`depth` hidden layers with ReLU."""
    sizes = [num_inputs, *(width for _ in range(depth))]
    layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(*(one for pair in layers for one in pair))


def squash(
    mean: Float[Tensor, "*B A"], log_std: Float[Tensor, "*B A"], latent: Float[Tensor, "*B A"]
) -> tuple[Float[Tensor, "*B A"], Float[Tensor, "*B"]]:
    """tanh of `latent`, and the log density of that action where `latent` is of the Gaussian.

    log(1 - tanh(x)^2) is computed as 2 (log 2 - x - softplus(-2 x)), which is exact where tanh is 1 up to rounding.
    """
    gaussian = -(((latent - mean) * (-log_std).exp()) ** 2) / 2 - log_std - math.log(2 * math.pi) / 2
    shrinkage = 2 * (math.log(2) - latent - functional.softplus(-2 * latent))
    return latent.tanh(), (gaussian - shrinkage).sum(dim=-1)


def action_transforms(embodiment: Embodiment, instruction: str) -> Transforms:
    """Transforms of a specialist: its actions are [-1, 1] for the declared ranges, and it reads nothing else.

    Raises:
        MismatchError: an action field has no range.
    """
    low, high = embodiment.action_range
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise MismatchError(
            f"a specialist explores within declared ranges, but {embodiment.name!r} has an action field without one"
        )
    state = Normaliser((-1.0,) * embodiment.state_dim, (1.0,) * embodiment.state_dim)
    action = Normaliser(tuple(map(float, low)), tuple(map(float, high)))
    return Transforms((EmbodimentTransforms(state, action),), TextTokenizer.fit([instruction]))


def flat_states(queries: Sequence[Query], layout: Mapping[str, int]) -> Float32[np.ndarray, "B P"]:
    """The privileged states of queries as vectors.

    Raises:
        MismatchError: the simulator has another layout.
    """
    states = [flat_privileged(query.privileged or {}, layout) for query in queries]
    return np.stack(states).astype(np.float32)


class SpecialistPolicy(TrainedPolicy):
    """Acts by the mean of the squashed Gaussian, and repeats each action for the window's horizon.

    Satisfies `core.types.Policy`; there is no noise and no carry.
    """

    privileged = True

    def __init__(
        self,
        model: Actor,
        layout: Mapping[str, int],
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
    ):
        self.model = model.eval()
        self.layout = layout
        self.transforms = transforms
        self.embodiments = embodiments
        self.window = window
        self.device = model.mean.device
        self._embodiment = embodiments[0]

    @property
    def embodiment(self) -> Embodiment:
        return self._embodiment

    def bind(self, embodiment: Embodiment, name: str | None = None) -> "SpecialistPolicy":
        """The same weights acting for `embodiment`.

        Raises:
            UnknownName: the embodiment that it was trained on has another name.
        """
        trained = self.embodiments[0].name
        if (name or embodiment.name) != trained:
            raise UnknownName("embodiment of this policy", name or embodiment.name, [trained], "praxia info POLICY")
        bound = copy(self)
        bound._embodiment = embodiment
        return bound

    def start(self, num_rows: int) -> None:
        return None

    @torch.no_grad()
    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        """One decision per query.

        Raises:
            MismatchError: the simulator's privileged state is not that of training.
        """
        states = torch.from_numpy(flat_states(queries, self.layout)).to(self.device)
        actions = self.model(states)[0].tanh()[:, None].cpu().numpy()
        chunks = np.repeat(self.transforms.decode(actions, 0), self.window.horizon, axis=1)
        valid = np.ones(self.window.horizon, dtype=bool)
        return [Decision(chunk, valid) for chunk in chunks], None
