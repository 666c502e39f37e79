"""Meta-World's scripted experts, and noise that widens what they show."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from praxia.core.keys import generator
from praxia.core.types import Decision, Embodiment, Policy, Query, Window
from praxia.envs.instructions import INSTRUCTIONS

__all__ = ["Noisy", "ScriptedExpert"]


class ScriptedExpert:
    """The scripted policies of the metaworld package (`ENV_POLICY_MAP`), one for each of its 50 tasks.

    Reads `query.privileged["observation"]`, float64[39] with the goal, and knows the task by its instruction. Decides
    one step at a time. The policies compute each action from the observation alone.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self):
        from metaworld.policies import ENV_POLICY_MAP

        self._experts = {text: ENV_POLICY_MAP[f"{task}-v3"]() for task, text in INSTRUCTIONS.items()}

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        expert = self._experts[query.history[-1].instruction]
        action = np.clip(expert.get_action(query.privileged["observation"]), -1, 1).astype(np.float32)
        return Decision(action[None], np.ones(1, dtype=bool))


class Noisy:
    """A policy whose hand is disturbed while the label stays what it meant to do (DART, Laskey et al. 2017).

    Each episode has one noise level of `sigmas`, in units of the action; levels and noise are keyed by the episode.
    The last dim, the gripper, is left alone.
    """

    def __init__(self, policy: Policy, sigmas: tuple[float, ...]):
        self._policy = policy
        self._sigmas = sigmas
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def sigma(self, key: str) -> float:
        """The noise level of the episode `key`."""
        return float(generator("noise level", key).choice(self._sigmas))

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._disturb(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    def _disturb(self, query: Query, decision: Decision) -> Decision:
        noise = generator("noise", query.key, query.step).standard_normal(decision.chunk.shape)
        noise[:, -1] = 0
        executed = np.clip(decision.chunk + self.sigma(query.key) * noise, -1, 1).astype(np.float32)
        return replace(decision, chunk=executed, label=decision.chunk)
