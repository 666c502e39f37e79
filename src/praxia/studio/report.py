"""One self-contained HTML page from results, training runs and data sets."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from praxia.core.errors import PraxiaError
from praxia.core.files import write_whole
from praxia.envs import build
from praxia.rollout.slots import BuildEnv
from praxia.studio.comparison import compare
from praxia.studio.duel import duel_of
from praxia.studio.page import page
from praxia.studio.pages import expect_room
from praxia.studio.repetition import Repeater
from praxia.studio.replays import shoot
from praxia.studio.sources import gather

__all__ = ["report"]


def report(sources: Sequence[Path], out: Path, *, build: BuildEnv = build) -> Path:
    """Write the page at `out`, whole or not at all, and return it.

    `sources` are results files, training runs, data sets, and folders that hold them within two levels. Of every
    benchmark some episodes are repeated, in environments that `build` (picklable) makes in processes of their own: a
    success and a failure of each task for films, starts where one of two policies alone succeeded, and failures beside
    somebody's success from the same start. That takes a few seconds a film.

    Raises:
        PraxiaError: no source, one that is none of these or cannot be read, or something at `out` that is no page.
        GraphicsError: no OpenGL that can draw off screen.
    """
    if not sources:
        raise PraxiaError(
            "expected results (X.jsonl), training runs, data sets or a folder that holds some, got none; see"
            " `praxia report --help`"
        )
    expect_room(out)
    material = gather(sources)
    comparisons = compare(material)
    with closing(Repeater(build)) as repeater:
        replays = {comparison.name: shoot(comparison, duel_of(comparison), repeater) for comparison in comparisons}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, page(material, comparisons, replays))
    return out
