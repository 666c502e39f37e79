"""A world as planners and evaluations see it: it starts from observations and imagines what actions lead to.

Axes: B rows, R chosen rows, H actions, A action dims, K imagined timesteps, N tokens, D width. A planner knows no
network and a world no planner: both know this interface. A simulator can be behind it as well as a learned model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.types import Query
from praxia.core.window import Window
from praxia.nn.types import Batch

__all__ = ["Decodes", "EncodesFrames", "Imagined", "World", "WorldState"]


@runtime_checkable
class WorldState(Protocol):
    """What a world believes of B episodes at one timestep. Opaque but for its latent, and never changed."""

    @property
    def latent(self) -> Float[Tensor, "B N D"]:
        """The timestep as N tokens, in which equal ones are near each other; N is 1 where one vector describes it."""
        ...

    def rows(self, index: Int[Tensor, " R"]) -> "WorldState":
        """The state of some rows, in the order of `index`: fewer rows, or a row forked into several candidates."""
        ...


@dataclass(frozen=True)
class Imagined:
    """What followed: the latent after every `World.stride` actions, and the state after the last, to go on from.

    `reward` and `terminated` are those of the steps that lead to each timestep, the sum and whether the task ended in
    any of them or before; `success`, whether it held after any of them. None: the world knows none.
    """

    latents: Float[Tensor, "B K N D"]
    state: WorldState
    reward: Float[Tensor, "B K"] | None = None
    terminated: Bool[Tensor, "B K"] | None = None
    success: Bool[Tensor, "B K"] | None = None


@runtime_checkable
class World(Protocol):
    """A world for one embodiment. The same state and actions give the same, whoever is in the batch (up to rounding).

    What is random in it depends on the key and the step of the query that a row began with, and is in the state.
    """

    @property
    def embodiment(self) -> Embodiment:
        """Whose actions it understands."""
        ...

    @property
    def window(self) -> Window:
        """The observations that `start` reads; its horizon is how many actions ahead training looked."""
        ...

    @property
    def stride(self) -> int:
        """The control steps from one imagined timestep to the next. `imagine` takes a multiple of as many actions."""
        ...

    def start(self, queries: Sequence[Query]) -> WorldState:
        """The state at the present of each query, which is its last observation; one row per query, in order.

        A history shorter than the window is allowed, so a goal's state is that of a query with the goal alone.
        """
        ...

    def imagine(self, state: WorldState, actions: Float[Tensor, "B H A"]) -> Imagined:
        """What `actions`, in declared units, lead to, K = H / stride timesteps. The world is not changed.

        Learned worlds have gradients with respect to `actions` and to the state.
        """
        ...


@runtime_checkable
class Decodes(Protocol):
    """A world that shows what it believes."""

    def decode(self, state: WorldState) -> Mapping[str, UInt8[np.ndarray, "B Y X 3"]]:
        """The images of each camera at the present of each row, as `Observation.images` of the embodiment has them."""
        ...


@runtime_checkable
class EncodesFrames(Protocol):
    """The network of a latent world, for what reads its latents without imagining: each has `width` numbers a token."""

    width: int

    def encode(self, batch: Batch) -> Float[Tensor, "B T N D"]:
        """The latents of the observed images, frame by frame; zero where an image is not valid."""
        ...
