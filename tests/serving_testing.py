"""Policies for tests of serving: one that a test stops inside an inference, one that remembers."""

import threading
from collections.abc import Sequence

import numpy as np
from praxia_testing import EMBODIMENT

from praxia.core.types import Decision, Query
from praxia.core.window import Window

TIMEOUT_S = 30.0


class Gated:
    """Decides [[step, state[0]]] and counts its batches; an inference waits while the gate is closed."""

    window = Window({"state": (0,), "image.front": (0,)}, 1)
    privileged = False
    embodiment = EMBODIMENT

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self.batches: list[list[Query]] = []

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        self.batches.append(list(queries))
        self.started.release()
        assert self.gate.wait(TIMEOUT_S)
        return [_decision(one.step, one.history[-1].state[0]) for one in queries], None

    def sizes(self):
        return [len(batch) for batch in self.batches]

    def wait_started(self):
        assert self.started.acquire(timeout=TIMEOUT_S)


class Remembering(Gated):
    """Decides [[step, sum of the states of the episode]]; the carry is an array that is never changed in place."""

    def start(self, num_rows: int) -> np.ndarray:
        return np.zeros(num_rows, np.float32)

    def act(self, queries: Sequence[Query], carry: np.ndarray) -> tuple[list[Decision], np.ndarray]:
        super().act(queries, None)
        carry = carry.copy()
        for one in queries:
            carry[one.row] = (carry[one.row] if one.step else 0) + one.history[-1].state[0]
        return [_decision(one.step, carry[one.row]) for one in queries], carry


def _decision(*action):
    return Decision(np.array([action], np.float32), np.ones(1, bool))


def observed(value=0.0):
    """An observation of the toy embodiment whose state begins with `value`."""
    state = np.array([value, 0, 0], np.float32)
    return {"images": {"front": np.zeros((16, 16, 3), np.uint8)}, "state": state, "instruction": "lift the cup"}
