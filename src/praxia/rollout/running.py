"""What the loop remembers of an episode under way."""

import time
from collections import deque

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.types import Decision, Observation, Outcome, Query, SlotResult
from praxia.rollout.ensemble import ensemble
from praxia.rollout.faults import malformed, unexecutable
from praxia.rollout.types import Agent, Job, Recording, Trajectory

__all__ = ["Running"]


class Running:
    """One job in one slot: fed with progress and decisions, it answers with queries and, at its end, a trace.

    As many newest observations are kept as the player's policy sees; all of them with a `recording`. With an ensembling
    pace decisions are kept too, while they speak of steps to come. What is kept of a decision is a copy: the policy may
    reuse its arrays for the next one. Decisions are held to the actions of `embodiment`, if that is known.

    What was `lost` with its worker can be begun `again`; lost then too, it ends with an error.
    """

    def __init__(
        self,
        job: Job,
        slot: int,
        agent: Agent,
        embodiment: Embodiment | None = None,
        recording: Recording | None = None,
        again: bool = False,
    ):
        self.job = job
        self.slot = slot
        self.error: str | None = None
        self.is_fault = False
        self.lost = False
        self.planned_actions: Float32[np.ndarray, "K A"] = np.zeros((0, 0), np.float32)
        self._planned_labels = self.planned_actions
        self._recording = recording
        self._pace = agent.execution
        self._embodiment = embodiment
        self._again = again
        self._decided: list[tuple[int, Decision]] = []
        self._began_s = time.perf_counter()
        self._history: deque[Observation] = deque(maxlen=agent.policy.window.history + 1)
        self._privileged = None
        self._actions: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._outcomes: list[Outcome] = []
        self._observations: list[Observation] = []
        self._snapshots: list[bytes] = []

    @property
    def steps(self) -> int:
        return len(self._outcomes)

    def take(self, progress: SlotResult) -> "Running":
        """Note what the environment reports."""
        self.error = progress.error
        self.lost = progress.lost and not self._again
        if progress.lost and self._again:
            self.error = f"{progress.error}, the second one with this episode under way"
        taken = len(progress.outcomes)
        self._outcomes += progress.outcomes
        self._actions += list(self.planned_actions[:taken])
        self._labels += list(self._planned_labels[:taken])
        self._privileged = progress.privileged
        if progress.observation is not None:
            self._history.append(progress.observation)
        if self._recording is not None:
            self._observations += [progress.observation] if progress.observation is not None else []
            self._snapshots += progress.snapshots
        return self

    def is_over(self, horizon: int, steps_after_success: int | None) -> bool:
        if self.error is not None or self.steps >= horizon:
            return True
        if self._outcomes and (self._outcomes[-1].terminated or self._outcomes[-1].truncated):
            return True
        if steps_after_success is None:
            return False
        first = next((step for step, outcome in enumerate(self._outcomes, 1) if outcome.success), None)
        return first is not None and self.steps - first >= steps_after_success

    def query(self) -> Query:
        return Query(tuple(self._history), self.job.key, self.steps, self.slot, self._privileged)

    def plan(self, decision: Decision, horizon: int) -> None:
        """Take what the pace executes of `decision` within `horizon`, or an error where that cannot be done."""
        if (fault := malformed(decision, self._embodiment, self.steps)) is not None:
            self.blame(fault)
            return
        if self._pace.ensemble is None:
            actions, labels = self._next_of(decision, min(self._pace.execution_horizon, horizon - self.steps))
        else:
            # A mean of labels would be no expert's intent. Nobody learns from these: collection never ensembles.
            actions = labels = self._mean_with(decision, self._pace.ensemble)
        if (fault := unexecutable(actions, self._embodiment, self.steps)) is not None:
            self.blame(fault)
        self.planned_actions, self._planned_labels = actions.copy(), labels.copy()

    def blame(self, fault: str) -> None:
        """End the episode for what the policy did."""
        self.error, self.is_fault = fault, True

    def _next_of(self, decision: Decision, most: int) -> tuple[Float32[np.ndarray, "K A"], Float32[np.ndarray, "K A"]]:
        """At most `most` actions up to the first that is not valid, and their labels."""
        valid = decision.valid[:most]
        count = len(valid) if valid.all() else int(valid.argmin())
        actions = decision.chunk[:count]
        return actions, actions if decision.label is None else decision.label[:count]

    def _mean_with(self, decision: Decision, rate: float) -> Float32[np.ndarray, "K A"]:
        """The action of the present step out of `decision` and those before it, or none."""
        before = [(at, one) for at, one in self._decided if self.steps - at < len(one.valid)]
        self._decided = [*before, (self.steps, Decision(decision.chunk.copy(), decision.valid.copy()))]
        return ensemble(self._decided, self.steps, rate)

    def trajectory(self) -> Trajectory:
        return Trajectory(
            job=self.job,
            actions=self._stack(self._actions),
            labels=self._stack(self._labels),
            outcomes=tuple(self._outcomes),
            observations=tuple(self._observations),
            snapshots=tuple(self._snapshots),
            error=self.error,
            wall_s=time.perf_counter() - self._began_s,
            is_fault=self.is_fault,
        )

    def _stack(self, rows: list[np.ndarray]) -> Float32[np.ndarray, "T A"]:
        return np.stack(rows) if rows else np.zeros((0, self.planned_actions.shape[1]), np.float32)
