"""A world of arrays that is no environment, as a model of the world would be: the smallest `VectorEnv`."""

import numpy as np

from praxia.core.types import Observation, Outcome, SlotResult


class Imagined:
    """Every slot's position moves by its actions; a goal is reached from below; images are black."""

    def __init__(self, num_slots: int = 2):
        self.num_slots = num_slots
        self.positions, self.goals = np.zeros(num_slots, np.float32), np.zeros(num_slots)
        self.results: list[SlotResult] = []

    def begin(self, slot, spec, start, cameras, *, privileged=False, snapshots=False):
        self.positions[slot], self.goals[slot] = 0, start.payload["goal"]
        self.images = dict.fromkeys(cameras, np.zeros((spec.size, spec.size, 3), np.uint8))
        self.results.append(self._seen(slot, ()))

    def advance(self, slot, actions, stop_on_success, observe=None):
        reached = self.positions[slot] + np.cumsum(actions[:, 0]) >= self.goals[slot]
        self.positions[slot] += actions[:, 0].sum()
        self.results.append(self._seen(slot, tuple(Outcome(0.0, False, False, bool(one)) for one in reached)))

    def _seen(self, slot, outcomes):
        observation = Observation(self.images, self.positions[slot : slot + 1].copy(), "go", 0.0)
        return SlotResult(slot, observation, {"goal": self.goals[slot : slot + 1].copy()}, outcomes)

    def ready(self):
        results, self.results = self.results, []
        return sorted(results, key=lambda result: result.slot)

    def close(self):
        pass
