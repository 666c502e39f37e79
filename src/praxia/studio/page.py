"""The whole page: one HTML file that asks for nothing else."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from praxia.studio.comparison import Comparison
from praxia.studio.duel import duel_of
from praxia.studio.failure_table import failure_section
from praxia.studio.generalisation import generalisation
from praxia.studio.headline import headline
from praxia.studio.markup import Markup, tag
from praxia.studio.motion import motion_section
from praxia.studio.provenance import provenance
from praxia.studio.recorded import dataset_section
from praxia.studio.replays import Replays
from praxia.studio.senses import senses
from praxia.studio.sources import Material
from praxia.studio.standings import standings
from praxia.studio.study_table import table_section
from praxia.studio.tasks import task_table
from praxia.studio.training import training_curves
from praxia.studio.verdict import verdict_section
from praxia.studio.video_section import video_wall

__all__ = ["page"]

# The browser itself refuses scripts and every request: what is not in the file cannot be on the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src data:"


def page(material: Material, comparisons: Sequence[Comparison], replays: Mapping[str, Replays]) -> str:
    """The HTML of a report. `replays` is by the name of the comparison that it is of."""
    sections = []
    for comparison in comparisons:
        axes = generalisation(comparisons) if comparison is comparisons[0] else None
        shown = replays.get(comparison.name, Replays())
        duel = duel_of(comparison)
        sections += [headline(comparison), axes]
        sections.append(verdict_section(duel, shown.discordant) if duel else standings(comparison))
        sections += [task_table(comparison), *senses(comparison), motion_section(comparison, duel)]
        sections += [failure_section(failures) for failures in shown.failures]
        sections += [video_wall(shown.videos)] if shown.videos else []
    sections[1:1] = [table_section(table) for table in material.tables]
    if material.runs:
        sections.append(training_curves(material.runs))
    sections += [dataset_section(dataset) for dataset in material.datasets]
    sections.append(provenance(material, comparisons))
    title = "Praxia report"
    plain_title = None if comparisons else tag("h1", title)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", ": ".join([title, *(comparison.name for comparison in comparisons[:1])])),
        tag("style", _style()),
    )
    embodiment = tag("body", tag("main", plain_title, *sections))
    return f"<!DOCTYPE html>\n{tag('html', head, embodiment, lang='en')}\n"


def _style() -> Markup:
    return Markup(files("praxia.studio").joinpath("style.css").read_text())
