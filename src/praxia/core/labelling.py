"""What finds the actions that a video shows, and what it finds.

Axes: B batch, A action dims.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.window import Samples, Window

__all__ = ["ActionLabeller", "PseudoActions"]


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
