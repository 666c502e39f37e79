"""Two systems in the toy world: intents hold what was seen, actions follow the intent and nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from toy_world import EMBODIMENT

from praxia.core.intent import Intent
from praxia.core.types import Decision, Query
from praxia.core.window import Window


class Follower:
    """Moves by a hundredth of the position that its thinker saw; keeps all queries, and what its thinker was asked.

    The thinker sees the number of the start in the image, so that an intent tells which episode it is of.
    """

    embodiment = EMBODIMENT
    privileged = False

    def __init__(self, chunk: int = 1):
        self.window = Window({"state": (0,), "image.front": (0,)}, horizon=chunk)
        self.queries: list[Query] = []
        self.thoughts: list[list[Query]] = []

    def start(self, num_rows: int) -> Any:
        return 0

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        self.queries += queries
        return [self._decide(query) for query in queries], carry + len(queries)

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        self.thoughts.append(list(queries))
        return [
            Intent(query.step, np.array([[number_of(query), query.history[-1].state[0]]], np.float32))
            for query in queries
        ]

    def _decide(self, query: Query) -> Decision:
        seen = 0.0 if query.intent is None or query.intent.latent is None else float(query.intent.latent[0, 1])
        move = np.clip(0.25 + 0.01 * seen, -1, 1)
        return Decision(np.full((self.window.horizon, 1), move, np.float32), np.ones(self.window.horizon, bool))


def number_of(query: Query) -> int:
    """The number of the start of the query's episode."""
    return int(query.history[-1].images["front"][0, 0, 0])
