"""What finds the actions that a video shows, or codes of what changes in it, and what it finds.

Axes: B batch, A action dims, P codes of a change.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.embodiment import Embodiment, Field
from praxia.core.window import Samples, Window

__all__ = ["CODE", "ActionLabeller", "ChangeCoder", "PseudoActions", "has_codes"]

# The unit of actions that are numbers of codes.
CODE = "code"


@dataclass(frozen=True)
class PseudoActions:
    """The action at the present of each window, in declared units, and its predicted standard deviation, per dim."""

    action: Float32[np.ndarray, "B A"]
    std: Float32[np.ndarray, "B A"]


@runtime_checkable
class ActionLabeller(Protocol):
    """Reads actions from video. Its windows have a horizon of 0, so data without actions will do."""

    @property
    def embodiment(self) -> Embodiment:
        """Whose actions it knows, at which rate, and the cameras in the sizes that it knows."""
        ...

    @property
    def window(self) -> Window:
        """The frames that it sees, before and after the present."""
        ...

    def label(self, samples: Samples) -> PseudoActions:
        """The actions at the present of windows, each of them a function of its own window alone."""
        ...


@runtime_checkable
class ChangeCoder(Protocol):
    """Says in codes what changes from a frame of a video to a later one: latent actions."""

    @property
    def embodiment(self) -> Embodiment:
        """What it was trained on: the rate and the cameras in the sizes that it knows."""
        ...

    @property
    def window(self) -> Window:
        """The frames that it sees, the present and a later one; its horizon is 0."""
        ...

    @property
    def field(self) -> Field:
        """What its codes are as an action: as many dims as codes, of unit `CODE`."""
        ...

    def code(self, samples: Samples) -> tuple[Int64[np.ndarray, "B P"], Bool[np.ndarray, " B"]]:
        """The numbers of the codes of each window, and whether it has a later frame; a function of it alone."""
        ...


def has_codes(embodiment: Embodiment) -> bool:
    """Whether the actions of an embodiment are numbers of codes, which no robot carries out."""
    return bool(embodiment.action) and all(field.unit == CODE for field in embodiment.action)
