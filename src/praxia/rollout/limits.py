"""What a robot in real time is never commanded beyond: declared ranges, and declared steps from command to command."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from praxia.core.embodiment import Embodiment

__all__ = ["CommandLimits"]


@dataclass(frozen=True)
class CommandLimits:
    """The lowest and highest value of each action dim, and how far it may move in one control period; infinite where
    the embodiment declares none.
    """

    low: Float64[np.ndarray, " A"]
    high: Float64[np.ndarray, " A"]
    max_step: Float64[np.ndarray, " A"]

    @classmethod
    def of(cls, embodiment: Embodiment) -> "CommandLimits":
        low, high = embodiment.action_range
        steps = [(field.size, np.inf if field.max_step is None else field.max_step) for field in embodiment.action]
        return cls(low, high, np.concatenate([np.full(*one) for one in steps]))

    def clip(
        self, actions: Float32[np.ndarray, "K A"], before: Float32[np.ndarray, " A"]
    ) -> tuple[Float32[np.ndarray, "K A"], Int64[np.ndarray, " K"]]:
        """`actions` within the limits, the first of them a step from `before`, and how many numbers of each changed.

        The range goes before the step: a robot that is outside of its range returns to it at once.
        """
        clipped = np.empty_like(actions)
        for at, action in enumerate(actions):
            near = np.clip(action, before - self.max_step, before + self.max_step)
            clipped[at] = before = np.clip(near, self.low, self.high).astype(np.float32)
        return clipped, (clipped != actions).sum(axis=1)
