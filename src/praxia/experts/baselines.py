"""Baselines without images: what doing nothing achieves on a benchmark, and what chance achieves."""

from collections.abc import Sequence

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.hold import HoldAction
from praxia.core.keys import generator
from praxia.core.types import Decision, Query
from praxia.core.window import Window

__all__ = ["UniformPolicy", "ZeroPolicy"]


class ZeroPolicy:
    """Holds still at the position where it decides. Any success it has is the benchmark's, not the policy's.

    Its actions are zeros if zero means no change, and the present position if an action is a target (`core.hold`).

    Raises:
        MismatchError, UnknownName: as `HoldAction.of`, if the embodiment does not declare what holds it still.
    """

    privileged = False

    def __init__(self, embodiment: Embodiment, horizon: int = 8):
        self.embodiment = embodiment
        self.window = Window({"state": (0,)}, horizon)
        self._hold = HoldAction.of(embodiment)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        actions = [self._hold(query.history[-1].state) for query in queries]
        horizon = self.window.horizon
        return [Decision(np.tile(action, (horizon, 1)), np.ones(horizon, dtype=bool)) for action in actions], None


class UniformPolicy:
    """Uniformly random actions within the embodiment's declared ranges, new at each step, keyed by (episode, step).

    Raises:
        MismatchError: an action field has no range.
    """

    privileged = False

    def __init__(self, embodiment: Embodiment, horizon: int = 8):
        self.embodiment = embodiment
        self.window = Window({"state": (0,)}, horizon)
        self._range = embodiment.action_range
        if not all(np.isfinite(limit).all() for limit in self._range):
            raise MismatchError(f"random actions need declared ranges, but {embodiment.name!r} has a field without one")

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        shape = (self.window.horizon, self.embodiment.action_dim)
        chunk = generator("uniform", query.key, query.step).uniform(*self._range, shape)
        return Decision(chunk.astype(np.float32), np.ones(len(chunk), dtype=bool))
