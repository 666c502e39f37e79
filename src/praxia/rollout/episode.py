"""The state of an episode while the loop runs it."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.types import FINAL_OBSERVATION, Actor, Decision, Observation, Outcome, Query, SlotResult
from praxia.rollout.ensemble import ensemble, remember
from praxia.rollout.faults import action_fault, decision_fault, delay_fault, extras_fault
from praxia.rollout.types import Agent, Job, Recording, Step, Trajectory

__all__ = ["RunningEpisode"]


class RunningEpisode:
    """One job in one slot: it takes slot results and decisions, and gives queries and finally a trajectory.

    It keeps as many of the newest observations as the agent's policy observes; all of them with a `recording`. Under
    ensembling it also keeps decisions while they reach beyond the present step, as copies, because the policy may reuse
    its arrays. Decisions are checked against the actions of `embodiment`, if that is known.

    With `every_step` it observes after every step, the episode's last one too, and keeps the steps of the last result
    until `take_steps`.

    An episode that was `lost` with its worker can be run again from its start, as `attempt` 1; lost again, it ends with
    an error.
    """

    def __init__(
        self,
        job: Job,
        slot: int,
        agent: Agent,
        embodiment: Embodiment | None = None,
        recording: Recording | None = None,
        attempt: int = 0,
        every_step: bool = False,
    ):
        self.job = job
        self.slot = slot
        self.error: str | None = None
        self.is_fault = False
        self.lost = False
        self.planned_actions: Float32[np.ndarray, "K A"] = np.zeros((0, 0), np.float32)
        self._planned_labels = self.planned_actions
        self._planned_extras: dict[str, np.ndarray] = {}
        self._planned_actors: tuple[Actor | None, ...] = ()
        self._recording = recording
        self._hands_on_steps = every_step
        self._observes_every_step = every_step or (recording is not None and recording.every_step)
        self._new_steps: list[Step] = []
        self._execution = agent.execution
        self._embodiment = embodiment
        self._attempt = attempt
        self._decisions: list[tuple[int, Decision]] = []
        # What is executed while the next decision is made; None: before the first.
        self._committed: Decision | None = None
        self._committed_actors: tuple[Actor | None, ...] = ()
        # What the last decision left beyond the planned actions; None: before the first, and under ensembling.
        self._left: Float32[np.ndarray, "P A"] | None = None
        self._began_s = time.perf_counter()
        self._num_past = agent.policy.window.history
        self._history: deque[Observation] = deque(maxlen=self._num_past + 1)
        self._privileged: Mapping[str, np.ndarray] | None = None
        self._actions: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._outcomes: list[Outcome] = []
        self._observations: list[Observation] = []
        self._snapshots: list[bytes] = []
        self._overruns = 0
        self._extras: dict[str, list[np.ndarray]] = {}
        self._actors: list[Actor | None] = []

    @property
    def steps(self) -> int:
        return len(self._outcomes)

    def update(self, result: SlotResult) -> "RunningEpisode":
        """Add what the environment returned."""
        self.error = result.error
        self.lost = result.lost and not self._attempt
        if result.lost and self._attempt:
            self.error = f"{result.error}, the second one with this episode under way"
        num_taken = len(result.outcomes)
        if self._hands_on_steps:
            self._new_steps = self._steps_of(result)
        self._outcomes += result.outcomes
        self._actions += list(self.planned_actions[:num_taken])
        self._labels += list(self._planned_labels[:num_taken])
        self._privileged = result.privileged
        self._overruns += result.overruns
        self._history.extend(result.earlier)
        if result.observation is not None:
            self._history.append(result.observation)
        if self._recording is not None:
            self._observations += result.earlier if self._recording.every_step else ()
            self._observations += [result.observation] if result.observation is not None else []
            self._snapshots += result.snapshots
            self._actors += self._planned_actors[:num_taken]
            for name, values in self._planned_extras.items() if num_taken else ():
                self._extras.setdefault(name, []).extend(values[:num_taken])
        return self

    def take_steps(self, is_over: bool) -> list[Step]:
        """The steps of the last result; with `is_over` the last of them is the episode's last."""
        steps, self._new_steps = self._new_steps, []
        if is_over and steps and not steps[-1].terminated:
            steps[-1] = replace(steps[-1], truncated=True)
        return steps

    def _steps_of(self, result: SlotResult) -> list[Step]:
        num_taken = len(result.outcomes)
        unseen: list[Observation | None] = [None] * (num_taken - 1 - len(result.earlier))
        after = [*result.earlier, *unseen, result.observation]
        before = [self._history[-1] if self._history else None, *after]
        inside: list[Mapping[str, np.ndarray] | None] = [None] * max(0, num_taken - 1)
        privileged = [self._privileged, *inside, result.privileged]
        return [
            Step(
                job=self.job,
                index=self.steps + at,
                observation=before[at],
                privileged=privileged[at],
                action=self.planned_actions[at],
                label=self._planned_labels[at],
                extras={name: np.asarray(values[at]) for name, values in self._planned_extras.items()},
                actor=self._planned_actors[at] if self._planned_actors else None,
                outcome=outcome,
                next_observation=after[at],
                next_privileged=privileged[at + 1],
                truncated=outcome.truncated,
                attempt=self._attempt,
            )
            for at, outcome in enumerate(result.outcomes)
        ]

    def is_over(self, horizon: int, steps_after_success: int | None) -> bool:
        if self.error is not None or self.steps >= horizon:
            return True
        if self._outcomes and (self._outcomes[-1].terminated or self._outcomes[-1].truncated):
            return True
        if steps_after_success is None:
            return False
        first = next((step for step, outcome in enumerate(self._outcomes, 1) if outcome.success), None)
        return first is not None and self.steps - first >= steps_after_success

    def observed_steps(self) -> tuple[int, ...]:
        """After which of the planned steps to observe: all that the next decision may see, the last one at least."""
        num_planned = len(self.planned_actions)
        first = 1 if self._observes_every_step else num_planned - self._num_past
        final = (FINAL_OBSERVATION,) if self._hands_on_steps else ()
        return (*final, *range(max(1, first), num_planned + 1))

    def query(self) -> Query:
        delay = self._execution.delay
        committed = self._committed.chunk if self._committed is not None else None
        history = tuple(self._history)
        return Query(history, self.job.key, self.steps, self.slot, self._privileged, delay, committed, self._left)

    def plan(self, decision: Decision, horizon: int) -> None:
        """Plan what is executed of `decision` within `horizon`, or end the episode with the policy's fault."""
        fault = decision_fault(decision, self._embodiment, self.steps)
        fault = fault or delay_fault(decision, self._execution.delay, self.steps)
        if fault is not None:
            self.end_with_fault(fault)
            return
        if self._execution.ensemble is None:
            most = min(self._execution.execution_horizon, horizon - self.steps)
            decision = self._after_committed(decision)
            actions, labels = self._executed_part(decision, most)
        else:
            # A mean of labels would be no expert's intent. Nothing learns from these: collection never ensembles.
            actions = labels = self._ensembled(decision, self._execution.ensemble)
        if (fault := action_fault(actions, self._embodiment, self.steps)) is not None:
            self.end_with_fault(fault)
        self.planned_actions, self._planned_labels = actions.copy(), labels.copy()
        self._plan_extras(decision, len(actions))
        self._committed_actors = self._planned_actors[len(actions) : len(actions) + self._execution.delay]

    def _plan_extras(self, decision: Decision, num_actions: int) -> None:
        """Keep what the decision says about its actions; under ensembling an action is of no single decision."""
        if self._execution.ensemble is not None:
            return
        if self.steps and (fault := extras_fault(decision.extras, self._planned_extras, self.steps)) is not None:
            self.end_with_fault(fault)
        self._planned_extras = {name: value[:num_actions].copy() for name, value in decision.extras.items()}

    def end_with_fault(self, fault: str) -> None:
        """End the episode because of what the policy did."""
        self.error, self.is_fault = fault, True

    def _executed_part(
        self, decision: Decision, most: int
    ) -> tuple[Float32[np.ndarray, "K A"], Float32[np.ndarray, "K A"]]:
        """At most `most` actions, up to the first that is not valid, and their labels."""
        count = min(most, decision.num_executable - self._execution.delay)
        if self._execution.delay:
            self._committed = _part(decision, count, count + self._execution.delay)
        self._left = decision.chunk[max(0, count) : decision.num_executable].copy()
        actions = decision.chunk[:count]
        return actions, actions if decision.label is None else decision.label[:count]

    def _after_committed(self, decision: Decision) -> Decision:
        """The decision with what is committed to in place of its beginning."""
        committed = self._committed
        self._planned_actors = (decision.actor,) * len(decision.chunk)
        if committed is None or extras_fault(decision.extras, committed.extras, self.steps) is not None:
            return decision
        num = len(committed.chunk)
        actors = self._committed_actors
        self._planned_actors = (*actors, *self._planned_actors[num:])

        def spliced(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
            return np.concatenate([ours, theirs[num:]])

        labels = [one.chunk if one.label is None else one.label for one in (committed, decision)]
        extras = {name: spliced(committed.extras[name], value) for name, value in decision.extras.items()}
        chunk, label = spliced(committed.chunk, decision.chunk), spliced(*labels)
        return replace(decision, chunk=chunk, label=label, extras=extras)

    def _ensembled(self, decision: Decision, rate: float) -> Float32[np.ndarray, "K A"]:
        """The action of the present step from `decision` and earlier ones, or none."""
        self._decisions = remember(self._decisions, self.steps, decision)
        return ensemble(self._decisions, self.steps, rate)

    def trajectory(self) -> Trajectory:
        return Trajectory(
            job=self.job,
            actions=self._stacked(self._actions),
            labels=self._stacked(self._labels),
            outcomes=tuple(self._outcomes),
            observations=tuple(self._observations),
            snapshots=tuple(self._snapshots),
            error=self.error,
            wall_s=time.perf_counter() - self._began_s,
            is_fault=self.is_fault,
            overruns=self._overruns,
            extras={name: np.stack(values) for name, values in self._extras.items()},
            actors=tuple(self._actors) if any(self._actors) else (),
        )

    def _stacked(self, rows: list[np.ndarray]) -> Float32[np.ndarray, "T A"]:
        return np.stack(rows) if rows else np.zeros((0, self.planned_actions.shape[1]), np.float32)


def _part(decision: Decision, first: int, end: int) -> Decision:
    """Copies of the decision's actions from `first` to `end` and of what it says about them."""

    def part(value: np.ndarray) -> np.ndarray:
        return value[first:end].copy()

    label = None if decision.label is None else part(decision.label)
    extras = {name: part(value) for name, value in decision.extras.items()}
    return replace(decision, chunk=part(decision.chunk), valid=part(decision.valid), label=label, extras=extras)
