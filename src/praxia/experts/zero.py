"""The policy that does nothing: what a benchmark gives away for free."""

from collections.abc import Sequence

import numpy as np

from praxia.core.types import Decision, Embodiment, Query, Window

__all__ = ["Zero"]


class Zero:
    """All-zero actions. Any success it has is the benchmark's, not the policy's."""

    privileged = False

    def __init__(self, embodiment: Embodiment, horizon: int = 8):
        self.embodiment = embodiment
        self.window = Window({"state": (0,)}, horizon)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        chunk = np.zeros((self.window.horizon, self.embodiment.action_dim), dtype=np.float32)
        return [Decision(chunk, np.ones(len(chunk), dtype=bool)) for _ in queries], None
