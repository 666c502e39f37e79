"""The policy that does nothing: what a benchmark gives away for free."""

from collections.abc import Sequence

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.hold import Hold
from praxia.core.types import Decision, Query, Window

__all__ = ["Zero"]


class Zero:
    """Holds still where it is when it decides. Any success it has is the benchmark's, not the policy's.

    Its actions are zeros where zero is no change, and the present position where an action is a target (`core.hold`).

    Raises:
        MismatchError, UnknownName: as `Hold.of`, where the embodiment does not say what holds it still.
    """

    privileged = False

    def __init__(self, embodiment: Embodiment, horizon: int = 8):
        self.embodiment = embodiment
        self.window = Window({"state": (0,)}, horizon)
        self._hold = Hold.of(embodiment)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        held = [self._hold(query.history[-1].state) for query in queries]
        horizon = self.window.horizon
        return [Decision(np.tile(action, (horizon, 1)), np.ones(horizon, dtype=bool)) for action in held], None
