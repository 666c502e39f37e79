"""Meta-World's scripted experts, and noise that widens what they show."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from praxia.core.keys import generator
from praxia.core.types import Decision, Embodiment, Policy, Query, Window

__all__ = ["Noisy", "ScriptedExpert"]


class ScriptedExpert:
    """The scripted policies of the metaworld package (`ENV_POLICY_MAP`).

    `instructions` maps task names ("door-open") to what the robot is told, by which a query's task is known. Reads
    `query.privileged["observation"]`, float64[39] with the goal; decides one step at a time, from that alone.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        # The import brings MuJoCo along, which chooses its OpenGL then, for the environments of this process too.
        os.environ.setdefault("MUJOCO_GL", "egl")
        from metaworld.policies import ENV_POLICY_MAP

        self._experts = {text: ENV_POLICY_MAP[f"{task}-v3"]() for task, text in instructions.items()}

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        expert = self._experts[query.history[-1].instruction]
        with warnings.catch_warnings():  # some ask for more than the environment can do, and say so at each step
            warnings.filterwarnings("ignore", message="Constant", category=UserWarning)
            wanted = expert.get_action(query.privileged["observation"])
        action = np.clip(wanted, -1, 1).astype(np.float32)
        return Decision(action[None], np.ones(1, dtype=bool))


class Noisy:
    """A policy whose hand is disturbed while the label stays what it meant to do (DART, Laskey et al. 2017).

    Gaussian noise of deviation `sigma`, in units of the action, keyed by (episode, step). The last dim, the gripper,
    is left alone. The sum is clipped to the action's range [-1, 1].
    """

    def __init__(self, policy: Policy, sigma: float):
        self._policy = policy
        self._sigma = sigma
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._disturb(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    def _disturb(self, query: Query, decision: Decision) -> Decision:
        noise = generator("noise", query.key, query.step).standard_normal(decision.chunk.shape)
        noise[:, -1] = 0
        executed = np.clip(decision.chunk + self._sigma * noise, -1, 1).astype(np.float32)
        return replace(decision, chunk=executed, label=decision.chunk)
