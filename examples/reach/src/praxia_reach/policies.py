"""An expert, which reads the simulator (`praxia.experts`), and a policy, which does not (`praxia.policies`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia_reach.env import COLOURS

__all__ = ["Expert", "make_colour_policy"]

SPEED_M_S = 0.8


class Expert:
    """Moves straight to the target of `Reach.privileged`. See `praxia.core.types.Policy`."""

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """`instructions` is not used: the target is known."""

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        velocity = towards(query.history[-1].state, query.privileged["target"])
        return Decision(velocity[None].astype(np.float32), np.ones(1, dtype=bool))


def make_colour_policy(embodiment: Embodiment) -> Any:
    """A policy without weights: finds the disc of the colour that the instruction names, and moves towards it."""

    def act(observation: dict[str, Any]) -> np.ndarray:
        colour = next(name for name in COLOURS if name in observation["instruction"])
        image = observation["images"]["top"].astype(np.int64)
        rows, columns = np.nonzero(np.abs(image - COLOURS[colour]).sum(axis=-1) < 60)
        if not len(rows):  # the robot covers the disc
            return np.zeros(embodiment.action_dim)
        size = len(image)
        target = np.array([2 * (columns.mean() + 0.5) / size - 1, 1 - 2 * (rows.mean() + 0.5) / size])
        return towards(observation["state"], target)

    return act


def towards(robot: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The velocity towards `target` in m/s, slower where the next step would pass it."""
    offset = target - robot
    return offset * min(SPEED_M_S / max(float(np.linalg.norm(offset)), 1e-9), 10.0)
