"""From a plan to a finished data set."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from praxia.collect.plan import CollectionPlan
from praxia.collect.workers import MakeExpert, Recorder, RecordingSlots, RecordingWorkers
from praxia.core.embodiment import Embodiment
from praxia.core.errors import expect_positive
from praxia.core.types import Policy
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording, recording_lock
from praxia.envs.family import EnvFamily
from praxia.experts import find_expert
from praxia.experts.baselines import UniformPolicy
from praxia.experts.injected_failures import step_reach
from praxia.rollout.pool import MakeSlots

__all__ = ["ReportProgress", "collect"]

# Called after each episode with the numbers of those done and planned, and a text for people.
ReportProgress = Callable[[int, int, str], None]


def collect(
    plan: CollectionPlan,
    out: Path,
    family: EnvFamily,
    *,
    make_expert: MakeExpert | None = None,
    workers: int = 1,
    make_slots: MakeSlots | None = None,
    resume: bool = False,
    report: ReportProgress = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Record the episodes of `plan` that are missing in `out`, and finalize the data set.

    Who acts is the expert registered for the plan's environments, chance if the plan says so, or the policy of
    `make_expert`, whose hash may be in the plan. Episodes run in `workers` processes with the family's environments, or
    in what `make_slots(number of episodes)` returns, as in `evaluation.runner.evaluate`: then it acts in this process,
    and the data set is the same.

    Returns `{episodes, attempts, successes, frames, recovered, content_sha256}`: the number of episodes in the data
    set, of attempts at them (crashed ones are repeated), of successful episodes, of their steps, and of episodes
    recovered from an earlier, killed run; and the data set's content hash, which depends neither on workers nor on
    kills.

    Raises:
        PraxiaError: `out` is not empty and `resume` was not given, or another process records there.
        MismatchError: `resume` with a plan other than the one begun in `out`, or an embodiment that does not declare
            how far noise may disturb a step.
        RecordingError: a full disk, or an episode that crashed twice; recorded episodes are kept.
    """
    expect_positive(workers=workers)
    plan_json, embodiment = plan.to_json(), plan.embodiment(family)
    expert = make_expert or (find_expert(plan.env) if plan.policy == "expert" else partial(_random, embodiment))
    if any(plan.noise) or plan.failure_every:
        step_reach(embodiment)  # refuses before anything is written
    with recording_lock(out):
        recovered = begin_recording(out, plan_json, resume=resume)
        missing = sorted(set(range(len(plan))) - set(recovered))
        num_crashes = 0
        if missing:
            recorder: Recorder
            if make_slots is None:
                recorder = RecordingWorkers(min(workers, len(missing)), out, plan, family, expert)
            else:
                recorder = RecordingSlots(make_slots, out, plan, family, expert)
            with closing(recorder):
                _record(recorder, missing, len(recovered), report)
                num_crashes = len(recorder.crashes)
        content_sha256 = finalize(out, embodiment, plan_json)
    dataset = Dataset(out)
    return {
        "episodes": dataset.num_episodes,
        "attempts": dataset.num_episodes + num_crashes,
        "successes": int(dataset.episodes.success.sum()),
        "frames": dataset.num_frames,
        "recovered": len(recovered),
        "content_sha256": content_sha256,
    }


def _random(embodiment: Embodiment, instructions: Mapping[str, str]) -> Policy:
    return UniformPolicy(embodiment, horizon=1)


def _record(recorder: Recorder, missing: list[int], num_recovered: int, report: ReportProgress) -> None:
    """Record the episodes `missing`, and report progress."""
    began_s, successes, planned = time.perf_counter(), 0, num_recovered + len(missing)
    report(num_recovered, planned, f"{num_recovered} episodes recovered" if num_recovered else "starting")
    for done, (_, success) in enumerate(recorder.run(missing), 1):
        successes += success
        per_minute = done / (time.perf_counter() - began_s) * 60
        report(num_recovered + done, planned, f"{successes}/{done} succeeded  {per_minute:.0f} episodes/min")
