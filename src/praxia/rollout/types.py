"""The arguments and the results of the rollout loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Actor, ChunkExecution, EnvSpec, Observation, Outcome, Policy, Start, Status

__all__ = ["Agent", "Job", "Metric", "Recording", "Step", "Trajectory"]

Metric = Literal["ever", "end"]


@dataclass(frozen=True)
class Agent:
    """A policy and how its chunks are executed."""

    policy: Policy
    execution: ChunkExecution


@dataclass(frozen=True)
class Job:
    """One episode to run: its environment `spec`, its `start`, and the `key` on which its noise depends.

    `index` is the episode's position in an order that the caller chose; the loop only returns it. `agent` is the index
    of the agent that acts, if there are several. `repeat` counts from 0 the episodes that begin from the same start;
    their keys differ.
    """

    spec: EnvSpec
    start: Start
    key: str
    index: int
    agent: int = 0
    repeat: int = 0

    @property
    def episode(self) -> tuple[str, int]:
        """The key of its start and its repeat number, as `results.rows.Row.episode`."""
        return self.start.key, self.repeat


@dataclass(frozen=True)
class Recording:
    """What a trajectory keeps beside actions and outcomes: all observations with images of `cameras`, and snapshots.

    Among the cameras are the names of the streams that are kept.

    Without a recording nothing is rendered that the policy does not observe. With `every_step` observations are made
    after every step, and not only where the policy decides; with a `stride` above 1, for environments that show no
    more, after every so many steps of the episode and after its last one.
    """

    cameras: tuple[str, ...]
    snapshots: bool = True
    every_step: bool = False
    stride: int = 1


@dataclass(frozen=True)
class Step:
    """Step `index` of the episode of `job`, as `run_episodes` hands it on while the episode runs.

    `action` was executed and `label` is what a learner should imitate, in declared units; `extras` and `actor` are
    those of this action in its decision. `observation` and `privileged` are from before the step, `next_observation`
    and `next_privileged` from after it, also where the episode ends with it. Privileged state is None within a chunk.

    `terminated`: the task ended here, and nothing follows. `truncated`: the episode was cut off here, by the
    environment or by the loop, so that what would have followed has a value.

    A step is identified by `job`, `attempt` and `index`: an episode whose worker died is attempt 1 from step 0 again.
    """

    job: Job
    index: int
    observation: Observation | None
    privileged: Mapping[str, np.ndarray] | None
    action: Float32[np.ndarray, " A"]
    label: Float32[np.ndarray, " A"]
    extras: Mapping[str, np.ndarray]
    actor: Actor | None
    outcome: Outcome
    next_observation: Observation | None
    next_privileged: Mapping[str, np.ndarray] | None
    truncated: bool
    attempt: int = 0

    @property
    def terminated(self) -> bool:
        return self.outcome.terminated


@dataclass(frozen=True)
class Trajectory:
    """One episode of T steps.

    `actions` were executed, in declared units; `labels` are what a learner should imitate, under ensembling the
    executed actions. With a `Recording`, `observations` has one entry per decision (or step, with `every_step`, or
    stride of steps) and one after the last step if it was observed: the environment did not end the episode, steps were
    handed on, or there is a stride.
    `snapshots` has one entry per step; `extras` has those of the decisions, [T, ...] by name, and `actors` who chose
    each action, if any decision says so. `error` is the text of a crash, which says nothing about the policy, or with
    `is_fault` of the policy's own fault that ended the episode. `ages` says how old, in control steps, the observation
    behind each action was, NaN where the robot was held still because nothing was ready, and `num_decisions` how often
    the policy decided. `wall_s` is the episode's wall-clock time.

    In real time `overruns` counts the steps that came late (`rollout.paced`), `clips` the numbers of commands that were
    clipped to what the embodiment declares (`rollout.limits`), and `delays` holds how many control steps each decision
    took to arrive, but the first, which was waited for.
    """

    job: Job
    actions: Float32[np.ndarray, "T A"]
    labels: Float32[np.ndarray, "T A"]
    outcomes: tuple[Outcome, ...]
    observations: tuple[Observation, ...]
    snapshots: tuple[bytes, ...]
    error: str | None
    wall_s: float
    is_fault: bool = False
    overruns: int = 0
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    actors: tuple[Actor | None, ...] = ()
    ages: Float32[np.ndarray, " T"] = field(default_factory=lambda: np.zeros(0, np.float32))
    num_decisions: int = 0
    delays: tuple[int, ...] = ()
    clips: int = 0

    @property
    def steps(self) -> int:
        return len(self.outcomes)

    @property
    def success_step(self) -> int | None:
        """The number of steps after which success first held; None: it never did."""
        return next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)

    @property
    def success_end(self) -> bool | None:
        """Whether success held at the last step; None: unknown."""
        return self.outcomes[-1].success if self.outcomes else False

    @property
    def success_ever(self) -> bool | None:
        """Whether success held at any step; None: at no step that is known, and some are not."""
        if self.success_step is not None:
            return True
        return None if any(outcome.success is None for outcome in self.outcomes) else False

    @property
    def progress(self) -> float | None:
        """The fraction of the task, in [0, 1], that was done at the last step; None: unknown."""
        progress = self.outcomes[-1].progress if self.outcomes else None
        if progress is not None:
            return progress
        return None if self.success_end is None else float(self.success_end)

    def status(self, metric: Metric) -> Status:
        """The episode's status. Under the metric "ever" success counts at any step, under "end" at the last one only.

        A policy's fault is a failure: otherwise a policy that gives no action in hard states would look better.
        """
        if self.error is not None:
            return "failure" if self.is_fault else "error"
        succeeded = self.success_end if metric == "end" else self.success_ever
        return "unknown" if succeeded is None else "success" if succeeded else "failure"
