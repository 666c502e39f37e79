"""One self-contained HTML page from results, training runs and data sets."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

from praxia.core.files import write_whole
from praxia.core.types import Embodiment, EnvSpec
from praxia.envs import build
from praxia.results.rows import Row
from praxia.results.store import read_replay
from praxia.rollout.pool import WorkerPool
from praxia.rollout.slots import Build
from praxia.studio.comparison import Evaluation, compare
from praxia.studio.film import Film, Take, film
from praxia.studio.page import page
from praxia.studio.sources import gather

__all__ = ["report"]

_FILM_PX = 256

# Called after each film with those done and those planned.
Progress = Callable[[int, int], None]


def report(
    sources: Sequence[Path], out: Path, *, build: Build = build, progress: Progress | None = None
) -> Path:
    """Write the page at `out` (whole, or not at all) and return it.

    `sources` are results files, training runs, data sets, and folders that hold them within two levels. For each
    task of every benchmark's main evaluation a success and a failure are filmed, by repeating them in environments
    that `build` (picklable) makes in processes of their own: 1 to 5 seconds a film and core.

    Raises:
        PraxiaError: a source that is none of these, or cannot be read.
        GraphicsError: no OpenGL that can draw off screen.
    """
    material = gather(sources)
    comparisons = compare(material)
    takes = {comparison.name: _takes(comparison.main, build) for comparison in comparisons}
    films = _shoot([take for some in takes.values() for take in some], build, progress)
    by_row = {id(one.row): one for one in films}
    wall = {name: [by_row[id(take.row)] for take in some] for name, some in takes.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, page(material, comparisons, wall))
    return out
