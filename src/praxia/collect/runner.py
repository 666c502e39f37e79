"""From a collection to a finished data set."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from praxia.collect.crew import Crew
from praxia.collect.plan import Collection, Source
from praxia.data.compact import compact
from praxia.data.dataset import Dataset
from praxia.data.recording import begin

__all__ = ["Report", "collect"]

# Called after each episode with those done, those planned, and a text for people.
Report = Callable[[int, int, str], None]


def collect(
    collection: Collection,
    out: Path,
    source: Source,
    *,
    workers: int = 1,
    resume: bool = False,
    report: Report = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Record what is missing of `collection`, then make the data set of it.

    Returns `{episodes, attempts, successes, frames, recovered, content_sha256}`: episodes in the data set, how many
    were begun for it (crashed ones are begun again), those that reached success, their steps, how many an earlier,
    killed run had left, and the data set's content address, which depends on neither workers nor kills.

    Raises:
        PraxiaError: `out` holds something already and `resume` was not asked for.
        MismatchError: `resume` with a collection other than that begun in `out`.
        RecordingError: a full disk, or an episode that crashed twice; what was recorded is kept.
    """
    plan = collection.to_json()
    recovered = begin(out, plan, resume=resume)
    missing = sorted(set(range(len(collection))) - set(recovered))
    crashes = _record(collection, out, source, workers, missing, len(recovered), report) if missing else 0
    content_sha256 = compact(out, source.embodiment(collection.spec(collection.tasks[0])), plan)
    dataset = Dataset(out)
    return {
        "episodes": dataset.num_episodes,
        "attempts": dataset.num_episodes + crashes,
        "successes": int(dataset.episodes.success.sum()),
        "frames": dataset.num_frames,
        "recovered": len(recovered),
        "content_sha256": content_sha256,
    }


def _record(
    collection: Collection,
    out: Path,
    source: Source,
    workers: int,
    missing: list[int],
    num_recovered: int,
    report: Report,
) -> int:
    """Record the episodes `missing`; returns how many crashed on the way."""
    began_s, planned = time.perf_counter(), len(collection)
    report(num_recovered, planned, f"{num_recovered} episodes recovered" if num_recovered else "starting")
    with closing(Crew(min(workers, len(missing)), out, collection, source)) as crew:
        successes = 0
        for done, (_, success) in enumerate(crew.run(missing), 1):
            successes += success
            per_minute = done / (time.perf_counter() - began_s) * 60
            report(num_recovered + done, planned, f"{successes}/{done} succeeded  {per_minute:.0f} episodes/min")
        return crew.num_crashes
