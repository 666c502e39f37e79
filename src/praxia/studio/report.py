"""One self-contained HTML page from results, training runs and data sets."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from praxia.core.errors import PraxiaError
from praxia.core.files import write_atomic
from praxia.envs import build
from praxia.rollout.pool import MakeSlots
from praxia.rollout.slots import BuildEnv
from praxia.studio.ablation import ablation_sections
from praxia.studio.comparison import BenchmarkComparison, group_by_benchmark
from praxia.studio.contents import with_contents
from praxia.studio.failures import FailureAnalysis, analyse_failures, failure_section
from praxia.studio.generalisation import generalisation_section
from praxia.studio.headline import headline_section, task_section
from praxia.studio.html import Markup, check_page_path, tag
from praxia.studio.imagined import imagined_section
from praxia.studio.motion import motion_section
from praxia.studio.offline import offline_section, offline_verdict_section
from praxia.studio.paired_comparison import (
    PairedComparison,
    evidence_section,
    paired_comparison_of,
    select_discordant,
    verdict_section,
)
from praxia.studio.policy_facts import policy_facts, run_of
from praxia.studio.provenance import dataset_section, provenance_section, training_section
from praxia.studio.ranking import ranking_section
from praxia.studio.replay import EpisodeRow, ReplayRunner
from praxia.studio.sources import ReportSources, TrainingRun, read_sources
from praxia.studio.tables import study_table_section
from praxia.studio.videos import ReplayVideo, make_episode_videos, make_pair_videos, video_section

__all__ = ["ReplayResults", "render_report", "replay_comparison", "write_report"]

_MAX_PAIR_VIDEOS = 6

# The browser itself refuses scripts and every request: the page shows only what is in the file.
_CONTENT_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; media-src data:"


@dataclass(frozen=True)
class ReplayResults:
    """Replays for one comparison: videos of the main evaluation, videos of discordant pairs, and failure analyses."""

    videos: Sequence[ReplayVideo] = ()
    discordant: Sequence[ReplayVideo] = ()
    failures: Sequence[FailureAnalysis] = ()


def write_report(
    paths: Sequence[Path], out: Path, *, build: BuildEnv = build, make_slots: MakeSlots | None = None
) -> Path:
    """Write the page to `out` atomically and return `out`.

    `paths` are results files, training runs, data sets, what worlds imagined, and folders that contain them at most two
    levels deep. For every benchmark some episodes are replayed, in worker processes with environments from `build`
    (picklable) or in what `make_slots` returns (`replay.ReplayRunner`): for videos, one success and one failure per
    task and starts from which only one of two policies succeeded; and failures next to a successful episode from the
    same start. A video takes a few seconds.

    Raises:
        PraxiaError: no path, a path that is none of these or cannot be read, or a file at `out` that is not a page.
        GraphicsError: no off-screen OpenGL.
    """
    if not paths:
        raise PraxiaError(
            "expected results (X.jsonl), training runs, data sets or a folder that contains some, got none; see"
            " `praxia report --help`"
        )
    check_page_path(out)
    sources = read_sources(paths)
    comparisons = group_by_benchmark(sources)
    with closing(ReplayRunner(build, make_slots)) as runner:
        replays = {
            comparison.name: replay_comparison(comparison, paired_comparison_of(comparison), runner)
            for comparison in comparisons
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, render_report(sources, comparisons, replays))
    return out


def replay_comparison(
    comparison: BenchmarkComparison, paired: PairedComparison | None, runner: ReplayRunner
) -> ReplayResults:
    """Replay the episodes that the page shows for one comparison: seconds per episode."""
    return ReplayResults(
        make_episode_videos(comparison.main.source, runner),
        [] if paired is None else _discordant_videos(paired, runner),
        analyse_failures(comparison, runner),
    )


def render_report(
    sources: ReportSources, comparisons: Sequence[BenchmarkComparison], replays: Mapping[str, ReplayResults]
) -> str:
    """The HTML of a report. `replays` are keyed by the name of their comparison."""
    sections = []
    for comparison in comparisons:
        axes = generalisation_section(comparisons) if comparison is comparisons[0] else None
        replayed = replays.get(comparison.name, ReplayResults())
        paired = paired_comparison_of(comparison)
        facts = policy_facts(comparison.main.fingerprint, sources)
        if paired is not None:
            both = [policy_facts(one.fingerprint, sources) for one in (paired.a, paired.b)]
            sections += [verdict_section(paired, both), evidence_section(paired, replayed.discordant)]
        sections += [headline_section(comparison, facts, opens=paired is None), axes]
        sections += [ranking_section(comparison)] if paired is None else []
        sections += [task_section(comparison), *ablation_sections(comparison), motion_section(comparison, paired)]
        sections += [failure_section(analysis) for analysis in replayed.failures]
        sections += [video_section(replayed.videos)] if replayed.videos else []
    sections[1:1] = [study_table_section(table) for table in sources.tables]
    sections += [offline_verdict_section(*sources.offline)] if len(sources.offline) == 2 else []
    sections += [offline_section(one, policy_facts(one.meta["fingerprint"], sources)) for one in sources.offline]
    sections += [imagined_section(one) for one in sources.imagined]
    if sources.runs:
        sections.append(training_section(sources.runs, sources.datasets, _described(sources)))
    sections += [dataset_section(dataset) for dataset in sources.datasets]
    sections.append(provenance_section(sources, comparisons))
    title = "Praxia report"
    plain_title = None if comparisons else tag("h1", title)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_CONTENT_SECURITY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", ": ".join([title, *(comparison.name for comparison in comparisons[:1])])),
        tag("style", Markup(files("praxia.studio").joinpath("style.css").read_text())),
    )
    body = tag("body", tag("main", plain_title, *with_contents([one for one in sections if one is not None])))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _described(sources: ReportSources) -> list[TrainingRun]:
    """The runs of which the page already says what they are: those of an evaluated policy."""
    evaluated = [run_of(one.meta["fingerprint"], sources.runs) for one in (*sources.results, *sources.offline)]
    return [run for run in evaluated if run is not None]


def _discordant_videos(paired: PairedComparison, runner: ReplayRunner) -> list[ReplayVideo]:
    selected = select_discordant(paired.pairs, _MAX_PAIR_VIDEOS)
    return make_pair_videos(
        [(EpisodeRow(paired.a.source, pair.a), EpisodeRow(paired.b.source, pair.b)) for pair in selected], runner
    )
