"""The state of an episode while the loop runs it."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.hold import HoldAction
from praxia.core.types import FINAL_OBSERVATION, Actor, Decision, Observation, Outcome, Query, SlotResult
from praxia.rollout.faults import action_fault, decision_fault, extras_fault
from praxia.rollout.limits import CommandLimits
from praxia.rollout.timeline import Stretch, Timeline, expected_delay, next_query
from praxia.rollout.types import Agent, Job, Recording, Step, Trajectory

__all__ = ["RunningEpisode"]


class RunningEpisode:
    """One job in one slot: it takes slot results and decisions, and gives queries and finally a trajectory.

    It keeps as many of the newest observations as the agent's policy observes; all of them with a `recording`. Under
    ensembling it also keeps decisions while they reach beyond the present step, as copies, because the policy may reuse
    its arrays. Decisions are checked against the actions of `embodiment`, if that is known.

    With `every_step` it observes after every step, the episode's last one too, and keeps the steps of the last result
    until `take_steps`.

    With `in_real_time` a decision takes effect when it arrives (`decide`), and commands are clipped to what the
    embodiment declares.

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
        in_real_time: bool = False,
    ):
        self.job = job
        self.slot = slot
        self.error: str | None = None
        self.is_fault = False
        self.lost = False
        self._timeline = Timeline(agent.execution.ensemble)
        self._planned = self._timeline.stretch(0, 0)
        self._first_extras: Mapping[str, np.ndarray] = {}
        self._num_decisions = 0
        self._recording = recording
        self._hands_on_steps = every_step
        recorded = recording.stride if recording is not None and recording.every_step else None
        self._stride = 1 if every_step else recorded
        self._new_steps: list[Step] = []
        self._execution = agent.execution
        self._embodiment = embodiment
        self._attempt = attempt
        self._in_real_time = in_real_time
        known = _expect_known(agent, embodiment) if in_real_time or agent.execution.is_delayed else None
        self._hold = None if known is None else HoldAction.of(known)
        self._limits = CommandLimits.of(known) if known is not None and in_real_time else None
        # When a decision was asked for that is under way, and when the next one is due.
        self._asked_at: int | None = None
        self._next_query = 0
        # Those of the decisions so far, from which the next one's is expected.
        self._delays: list[int] = []
        self._clips = 0
        self._planned_clips = np.zeros(0, np.int64)
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
        self._ages: list[np.ndarray] = []

    @property
    def steps(self) -> int:
        return len(self._outcomes)

    @property
    def planned_actions(self) -> Float32[np.ndarray, "K A"]:
        """What is executed before the next decision."""
        return self._planned.actions

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
        self._actions += list(self._planned.actions[:num_taken])
        self._labels += list(self._planned.labels[:num_taken])
        self._ages.append(self._planned.ages[:num_taken])
        self._privileged = result.privileged
        self._overruns += result.overruns
        self._clips += int(self._planned_clips[:num_taken].sum())
        self._history.extend(result.earlier)
        if result.observation is not None:
            self._history.append(result.observation)
        if self._recording is not None:
            self._observations += result.earlier if self._recording.every_step else ()
            self._observations += [result.observation] if result.observation is not None else []
            self._snapshots += result.snapshots
            self._actors += self._planned.actors[:num_taken]
            for name, values in self._planned.extras.items() if num_taken else ():
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
                action=self._planned.actions[at],
                label=self._planned.labels[at],
                extras={name: np.asarray(values[at]) for name, values in self._planned.extras.items()},
                actor=self._planned.actors[at],
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
        num_planned, stride = len(self.planned_actions), self._stride
        seen = {*range(max(1, num_planned - self._num_past), num_planned + 1)}
        if stride is not None:
            seen |= {*range(stride - self.steps % stride, num_planned, stride)}
        final = (FINAL_OBSERVATION,) if self._hands_on_steps or (stride or 1) > 1 else ()
        return (*final, *sorted(seen))

    @property
    def has_begun(self) -> bool:
        """Whether the policy has decided."""
        return self._num_decisions > 0

    @property
    def needs_decision(self) -> bool:
        """Whether a decision is due and not under way."""
        return self._asked_at is None and self.steps >= self._next_query

    def ask(self) -> Query:
        """The query of a decision that is due."""
        self._asked_at = self.steps
        committed, planned = None, None
        delay = self._expected_delay()
        if self.has_begun and delay:
            committed = self._limited(self._executed(self.steps + delay))[0].actions
        if self.has_begun and self._execution.ensemble is None:
            planned = self._limited(self._executed(max(self.steps + delay, self._timeline.end)))[0].actions
        history = tuple(self._history)
        return Query(history, self.job.key, self.steps, self.slot, self._privileged, delay, committed, planned)

    def _expected_delay(self) -> int:
        """The longest of the last delays; before the first decision of a simulation, that decision's own."""
        if self._delays or self._in_real_time:
            return expected_delay(self._delays)
        return self._execution.delay_at(self.job.key, self.steps)

    def decide(self, decision: Decision) -> None:
        """Take the decision that was asked for, or end the episode with the policy's fault.

        It takes effect after the delay that the chunk execution has for it, or in real time now; the first one, for
        which the robot waited, at the step of its observation.
        """
        assert self._asked_at is not None, "a decision was asked for"
        asked, self._asked_at = self._asked_at, None
        execution, is_first = self._execution, not self.has_begun
        fault = decision_fault(decision, self._embodiment, asked)
        if fault is None and not is_first and execution.ensemble is None:
            fault = extras_fault(decision.extras, self._first_extras, asked)
        if fault is None and execution.ensemble is None and decision.num_executable == 0:
            fault = action_fault(decision.chunk[:0], self._embodiment, asked)
        if fault is not None:
            self.end_with_fault(fault)
            return
        if is_first:
            self._first_extras = {name: value[:0] for name, value in decision.extras.items()}
        delay = self.steps - asked if self._in_real_time else execution.delay_at(self.job.key, asked)
        if not (is_first and self._in_real_time):
            self._delays.append(delay)
        usable = asked if is_first else asked + delay
        self._timeline = self._timeline.add(decision, asked, usable)
        self._num_decisions += 1
        expected = expected_delay(self._delays)
        self._next_query = next_query(asked, usable, decision.num_executable, execution.execution_horizon, expected)

    def plan(self, horizon: int) -> None:
        """Plan what is executed within `horizon`, or end the episode with the policy's fault.

        That is all until the next decision is due, or one step while a decision is under way. Extras of an ensembled
        action are those of no single decision, so there are none, and its label, which would be no expert's intent, is
        the action itself. Nothing learns from these: collection never ensembles.
        """
        end = self._next_query if self._asked_at is None else self.steps + 1
        stretch = self._executed(min(horizon, end))
        fault = action_fault(stretch.actions, self._embodiment, self.steps)
        if fault is not None:
            self._planned = stretch
            self.end_with_fault(fault)
            return
        self._planned, self._planned_clips = self._limited(stretch)

    def _executed(self, end: int) -> Stretch:
        """What is executed from the present to before `end`, as far as decisions say by now."""
        hold = None if self._hold is None else self._hold.after
        return self._timeline.stretch(self.steps, end, hold, self._actions[-1] if self._actions else None)

    def _limited(self, stretch: Stretch) -> tuple[Stretch, Int64[np.ndarray, " K"]]:
        """A stretch within the limits of commands, if there are any, and how many numbers of each action changed."""
        if self._limits is None or self._hold is None:
            return stretch, np.zeros(0, np.int64)
        before = self._actions[-1] if self._actions else self._hold(self._history[-1].state)
        actions, clips = self._limits.clip(stretch.actions, before)
        return replace(stretch, actions=actions), clips

    def end_with_fault(self, fault: str) -> None:
        """End the episode because of what the policy did."""
        self.error, self.is_fault = fault, True

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
            ages=np.concatenate(self._ages) if self._ages else np.zeros(0, np.float32),
            num_decisions=self._num_decisions,
            delays=tuple(self._delays) if self._in_real_time else (),
            clips=self._clips,
        )

    def _stacked(self, rows: list[np.ndarray]) -> Float32[np.ndarray, "T A"]:
        return np.stack(rows) if rows else np.zeros((0, self.planned_actions.shape[1]), np.float32)


def _expect_known(agent: Agent, embodiment: Embodiment | None) -> Embodiment:
    """The embodiment, which says how to hold still where a late decision leaves a gap.

    Raises:
        MismatchError: there is none.
    """
    known = embodiment or agent.policy.embodiment
    if known is None:
        raise MismatchError("expected an embodiment, which says how to hold still while nothing is ready, got none")
    return known
