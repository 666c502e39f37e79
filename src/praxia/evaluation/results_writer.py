"""Writes the results of a running evaluation: one row per finished episode, and what is still missing."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, expect_positive
from praxia.core.process import run_in_subprocess
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluation.compatibility import check_compatibility
from praxia.evaluation.plan import Evaluation, plan
from praxia.results import fingerprint
from praxia.results.migration import META_SCHEMA
from praxia.results.motion import motion
from praxia.results.rows import Row, actions_digest
from praxia.results.store import Replay, ResultsStore
from praxia.rollout.types import Job, Trajectory

__all__ = ["ResultsWriter", "provenance"]


def provenance(family: EnvFamily) -> Mapping[str, Any]:
    """The renderer and simulator on this machine, determined once, in a subprocess: OpenGL and CUDA in one process can
    crash it.
    """
    return dict(_told_once(family.provenance))


@cache
def _told_once(told: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    return run_in_subprocess(told)


class ResultsWriter:
    """The results files at `out` of an `evaluation` of `policy`. `jobs` are all jobs, `kept` the rows that already
    exist.

    Raises:
        MismatchError: the policy does not fit the benchmark.
        PraxiaError: the control cannot disturb anything here, or the rate of ensembling is not finite.
        UnknownName: there is no such control.
    """

    def __init__(self, policy: Policy, evaluation: Evaluation, out: Path, family: EnvFamily):
        expect_positive(episodes=evaluation.episodes, repeats=evaluation.repeats)
        benchmark = evaluation.benchmark
        self.evaluation = evaluation
        self.embodiment: Embodiment = family.embodiment(benchmark.spec(benchmark.tasks[0]))
        check_compatibility(policy, benchmark, self.embodiment)
        self.jobs = plan(evaluation, family)
        self.kept: list[Row] = []
        self._policy = policy
        self._out = out
        self._store = ResultsStore(out)

    def check(self, meta: Mapping[str, Any], resume: bool) -> None:
        """Raise what `begin` would raise, before anything is written.

        Raises:
            MismatchError: the files were begun differently.
            PraxiaError: the files exist and `resume` is False, or they belong to a comparison that stopped when it was
                decided and this one has a fixed number of pairs.
        """
        self._store.check(meta, resume)

    def begin(self, meta: Mapping[str, Any], resume: bool) -> None:
        """Lock the files and write `meta` beside the rows. With `resume`, keep the rows of an earlier, killed run.

        Raises:
            MismatchError: the files were begun differently, or hold more episodes than the evaluation has.
            PraxiaError: the files exist and `resume` is False.
        """
        kept = self._store.begin(meta, resume)
        beyond = {row.episode for row in kept} - {job.episode for job in self.jobs}
        if beyond:
            option = "repeats" if any(repeat >= self.evaluation.repeats for _, repeat in beyond) else "--episodes"
            raise MismatchError(
                f"{self._out} holds {len(beyond)} more episodes than this evaluation has: resume with more {option}"
            )
        self.kept = kept
        if meta.get("until_decided") and self.missing:
            self._store.mark_until_decided()

    @property
    def missing(self) -> list[Job]:
        """The jobs without a kept row."""
        kept = {row.episode for row in self.kept}
        return [job for job in self.jobs if job.episode not in kept]

    def add(self, trajectory: Trajectory) -> Row:
        """Write a finished episode. It is on the disk when this returns."""
        row = self._row(trajectory)
        self._store.append(row, Replay(trajectory.job.spec, trajectory.job.start, trajectory.actions))
        return row

    def finish(self) -> list[Row]:
        """Sort the rows into the order of the jobs, and return them."""
        return self._store.finish([job.episode for job in self.jobs])

    def close(self) -> None:
        self._store.close()

    def meta(self, threads: int, command: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """The metadata beside the rows. Everything that can change a row is in the fingerprint.

        `threads` is the number of threads of the policy's arithmetic, `command` the command line, and `provenance` what
        renders and simulates here.
        """
        evaluation = self.evaluation
        return {
            "schema": META_SCHEMA,
            "command": command,
            "privileged": self._policy.privileged,
            "planned": len(self.jobs),
            "fingerprint": {
                "benchmark": evaluation.benchmark.to_json(),
                "policy_sha256": evaluation.policy_sha256,
                "weights_sha256": evaluation.weights_sha256,
                # Only a foreign policy has one.
                **({} if evaluation.claim is None else {"claim": dict(evaluation.claim)}),
                # Only a planner has one.
                **({} if evaluation.planner is None else {"planner": dict(evaluation.planner)}),
                # None: the policy's own, as in files from before this option existed.
                "sampling": evaluation.sampling.to_json() or None,
                "control": evaluation.control,
                "execution": evaluation.execution.to_json(),
                "exact": evaluation.exact,
                "seed": evaluation.seed,
                "bind_as": evaluation.bind_as,
                # A learned policy has a device. The others compute with numpy.
                "device": str(getattr(self._policy, "device", "cpu")),
                "threads": threads,
                "versions": fingerprint.versions(),
                **fingerprint.code(),
                "machine": fingerprint.machine(),
                **provenance,
            },
        }

    def _row(self, trajectory: Trajectory) -> Row:
        commanded = motion(trajectory.actions, self.embodiment)
        return Row(
            benchmark=self.evaluation.benchmark.name,
            task=trajectory.job.start.task,
            start=trajectory.job.start.key,
            repeat=trajectory.job.repeat,
            policy_sha256=self.evaluation.policy_sha256,
            control=self.evaluation.control,
            status=trajectory.status(self.evaluation.benchmark.metric),
            steps=trajectory.steps,
            success_step=trajectory.success_step,
            progress=trajectory.progress,
            path_length=commanded.path_length,
            jerk=commanded.jerk,
            actions_sha256=actions_digest(trajectory.actions),
            error=trajectory.error,
            wall_s=round(trajectory.wall_s, 3),
            **(self._delayed(trajectory) if self.evaluation.execution.is_delayed else {}),
        )

    def _delayed(self, trajectory: Trajectory) -> dict[str, Any]:
        """What a row says about a delay."""
        starved = np.isnan(trajectory.ages)
        ages = trajectory.ages[~starved]
        duration_s = trajectory.steps / self.embodiment.control_hz
        return {
            "starved_steps": int(starved.sum()),
            "observation_age": round(float(ages.mean(dtype=np.float64)), 4) if len(ages) else None,
            "observation_hz": round(trajectory.num_decisions / duration_s, 4) if duration_s else 0.0,
        }
