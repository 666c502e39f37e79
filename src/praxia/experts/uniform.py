"""The policy that does anything: what a benchmark gives away to chance."""

from collections.abc import Sequence

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.types import Decision, Query, Window

__all__ = ["Uniform"]


class Uniform:
    """Uniformly random actions within the embodiment's declared ranges, a new one at each step, keyed by (episode, step).

    Raises:
        MismatchError: a field of its actions has no range.
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
