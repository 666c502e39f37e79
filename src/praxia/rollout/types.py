"""What the loop is given and what it gives back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from praxia.core.types import ChunkExecution, EnvSpec, Observation, Outcome, Policy, Start

__all__ = ["Agent", "Job", "Metric", "Recording", "Status", "Trajectory"]

Status = Literal["success", "failure", "error"]
Metric = Literal["ever", "end"]


@dataclass(frozen=True)
class Agent:
    """A policy and how its chunks are executed."""

    policy: Policy
    execution: ChunkExecution


@dataclass(frozen=True)
class Job:
    """One episode to run: where (`spec`), from which `start`, and the `key` that its noise hangs on.

    `index` is the episode's place in an order that the caller chose; the loop only hands it back. `agent` numbers who
    plays it where there are several.
    """

    spec: EnvSpec
    start: Start
    key: str
    index: int
    agent: int = 0


@dataclass(frozen=True)
class Recording:
    """What a trace keeps beside actions and outcomes: every look at `cameras`, and snapshots if asked.

    Without a recording nothing is drawn that the policy does not ask for.
    """

    cameras: tuple[str, ...]
    snapshots: bool = True


@dataclass(frozen=True)
class Trajectory:
    """One episode as it went: T steps were taken.

    `actions` were executed, in declared units; `labels` are what a learner should imitate, or under ensembling the
    actions again. `observations` holds one entry a look (before every decision, and after the last step where the
    episode was not over for the environment) and `snapshots` one a step: both only with a `Recording`.
    `success_step` counts the steps after which success first held; None: it never did. `error` is the text of a
    crash, which says nothing about the policy, or with `is_fault` of what the policy did that ended the episode.
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

    @property
    def steps(self) -> int:
        return len(self.outcomes)

    @property
    def success_step(self) -> int | None:
        return next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)

    @property
    def success_end(self) -> bool:
        """Whether success held at the last step."""
        return bool(self.outcomes) and self.outcomes[-1].success

    @property
    def progress(self) -> float:
        """The share of the task's parts, in [0, 1], that was done at the last step."""
        progress = self.outcomes[-1].progress if self.outcomes else None
        return float(self.success_end) if progress is None else progress

    def status(self, metric: Metric) -> Status:
        """`metric` says whether success counts when it ever held, or only when it held at the end.

        A policy's fault is a failure: were it none, who gives no action where it is hard would look better.
        """
        if self.error is not None:
            return "failure" if self.is_fault else "error"
        succeeded = self.success_end if metric == "end" else self.success_step is not None
        return "success" if succeeded else "failure"
