"""The results of one evaluation while it runs: what is missing of it, and a row for every episode that ends."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, expect_positive
from praxia.core.process import run_in_subprocess
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluate.compatibility import check_compatibility
from praxia.evaluate.plan import Evaluation, plan
from praxia.results import fingerprint
from praxia.results.motion import motion
from praxia.results.rows import Row, actions_digest
from praxia.results.store import Replay, ResultsStore
from praxia.rollout.types import Job, Trajectory

__all__ = ["ResultsWriter", "provenance"]


def provenance(family: EnvFamily) -> Mapping[str, Any]:
    """What draws and simulates here, found out in a process of its own: OpenGL and CUDA in one can end it."""
    return run_in_subprocess(family.provenance)


class ResultsWriter:
    """The files of `evaluation` of `policy` at `out`. `jobs` are all of it, `kept` the rows that were there.

    Raises:
        MismatchError: policy and benchmark do not fit.
        PraxiaError: the control has nothing to spoil here, or the rate of ensembling is not finite.
        UnknownName: no control of that name.
    """

    def __init__(self, policy: Policy, evaluation: Evaluation, out: Path, family: EnvFamily):
        expect_positive(episodes=evaluation.episodes)
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
        """Refuse what `begin` would refuse, before anything is written.

        Raises:
            MismatchError: the files were begun differently.
            PraxiaError: they are there and `resume` was not asked for, or they are of a comparison that stopped when it
                was decided and this one has a fixed number of pairs.
        """
        self._store.check(meta, resume)

    def begin(self, meta: Mapping[str, Any], resume: bool) -> None:
        """Claim the files for what `meta` describes; with `resume` go on with the rows of an earlier, killed run.

        Raises:
            MismatchError: they were begun differently, or hold more than was asked for.
            PraxiaError: they are there and `resume` was not asked for.
        """
        kept = self._store.begin(meta, resume)
        beyond = len({row.start for row in kept} - {job.start.key for job in self.jobs})
        if beyond:
            raise MismatchError(
                f"{self._out} holds {beyond} episodes more than were asked for: resume with more --episodes"
            )
        self.kept = kept
        if meta.get("until_decided") and self.missing:
            self._store.mark_until_decided()

    @property
    def missing(self) -> list[Job]:
        """The jobs that no kept row is of."""
        kept = {row.start for row in self.kept}
        return [job for job in self.jobs if job.start.key not in kept]

    def add(self, trajectory: Trajectory) -> Row:
        """Keep an episode that has ended: it is safe when this returns."""
        row = self._row(trajectory)
        self._store.append(row, Replay(trajectory.job.spec, trajectory.job.start, trajectory.actions))
        return row

    def finish(self) -> list[Row]:
        """Put the rows there are in the order of the jobs, and return them."""
        return self._store.finish([job.start.key for job in self.jobs])

    def close(self) -> None:
        self._store.close()

    def meta(self, threads: int, command: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """What is written beside the rows. Whatever can change a row is in the fingerprint.

        `threads` is what the policy's arithmetic was given, `command` what was typed, `provenance` what draws here.
        """
        evaluation = self.evaluation
        return {
            "schema": "praxia.evaluation.v2",
            "command": command,
            "privileged": self._policy.privileged,
            "planned": len(self.jobs),
            "fingerprint": {
                "benchmark": evaluation.benchmark.to_json(),
                "policy_sha256": evaluation.policy_sha256,
                "weights_sha256": evaluation.weights_sha256,
                # None, as in the files of before there was a choice: the policy's own.
                "sampling": evaluation.sampling.to_json() or None,
                "control": evaluation.control,
                "execution": asdict(evaluation.execution),
                "exact": evaluation.exact,
                "seed": evaluation.seed,
                "bind_as": evaluation.bind_as,
                # A learned policy says which device does its arithmetic; the others do theirs in numpy.
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
        )
