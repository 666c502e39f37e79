"""From a collection to a finished data set."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from praxia.collect.crew import Crew, MakeExpert
from praxia.collect.plan import CollectionPlan
from praxia.core.errors import expect_positive
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording, recording_lock
from praxia.envs.family import EnvFamily
from praxia.experts import find_expert
from praxia.experts.injected_failures import step_reach

__all__ = ["Report", "collect"]

# Called after each episode with those done, those planned, and a text for people.
Report = Callable[[int, int, str], None]


def collect(
    collection: CollectionPlan,
    out: Path,
    family: EnvFamily,
    *,
    make_expert: MakeExpert | None = None,
    workers: int = 1,
    resume: bool = False,
    report: Report = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Record what is missing of `collection` with its environments' registered expert, or that of `make_expert`, then
    make the data set of it.

    Returns `{episodes, attempts, successes, frames, recovered, content_sha256}`: episodes in the data set, how many
    were begun for it (crashed ones are begun again), those that reached success, their steps, how many an earlier,
    killed run had left, and the data set's content address, which depends on neither workers nor kills.

    Raises:
        PraxiaError: `out` holds something already and `resume` was not asked for, or another process records there.
        MismatchError: `resume` with a collection other than that begun in `out`, or an embodiment that does not say how far a
            step may disturb it.
        RecordingError: a full disk, or an episode that crashed twice; what was recorded is kept.
    """
    expect_positive(workers=workers)
    expert = make_expert or find_expert(collection.env)
    plan, embodiment = collection.to_json(), collection.embodiment(family)
    if any(collection.noise) or collection.failure_every:
        step_reach(embodiment)  # refuses before anything is written
    with recording_lock(out):
        recovered = begin_recording(out, plan, resume=resume)
        missing = sorted(set(range(len(collection))) - set(recovered))
        crashes = 0
        if missing:
            with closing(Crew(min(workers, len(missing)), out, collection, family, expert)) as crew:
                _record(crew, missing, len(recovered), report)
                crashes = crew.num_crashes
        content_sha256 = finalize(out, embodiment, plan)
    dataset = Dataset(out)
    return {
        "episodes": dataset.num_episodes,
        "attempts": dataset.num_episodes + crashes,
        "successes": int(dataset.episodes.success.sum()),
        "frames": dataset.num_frames,
        "recovered": len(recovered),
        "content_sha256": content_sha256,
    }


def _record(crew: Crew, missing: list[int], num_recovered: int, report: Report) -> None:
    """Have the episodes `missing` recorded, and say how it goes."""
    began_s, successes, planned = time.perf_counter(), 0, num_recovered + len(missing)
    report(num_recovered, planned, f"{num_recovered} episodes recovered" if num_recovered else "starting")
    for done, (_, success) in enumerate(crew.run(missing), 1):
        successes += success
        per_minute = done / (time.perf_counter() - began_s) * 60
        report(num_recovered + done, planned, f"{successes}/{done} succeeded  {per_minute:.0f} episodes/min")
