"""`praxia data stats DIR [DIR...]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.box import SIMPLE_HEAD
from rich.table import Table

from praxia.cli.arguments import parse
from praxia.core.errors import PraxiaError
from praxia.studio.console import STDERR

if TYPE_CHECKING:
    from praxia.training.config import TrainRun

__all__ = ["run"]

COLUMNS = ("mean", "std", "min", "q01", "q10", "q50", "q90", "q99", "max")


@dataclass(frozen=True)
class StatsArguments:
    """Statistics of data sets by embodiment, in one pass, and warnings about what spoils training."""

    roots: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="DIR [DIR ...]", help_behavior_hint="(required)"),
    ]
    """The data sets' folders. Data sets of one embodiment count as one."""
    horizon: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Count actions as a policy sees them, in chunks of this length, instead of the recorded column."""
    relative: bool = False
    """Count positions of a chunk relative to the state at its start."""
    relative_to: Annotated[dict[str, str], tyro.conf.arg(metavar="ACTION STATE [ACTION STATE ...]")] = field(
        default_factory=dict
    )
    """State field per action field, where names differ: --relative-to ACTION STATE."""
    recipe: Annotated[str | None, tyro.conf.arg(metavar="RECIPE")] = None
    """Count what this recipe trains on: its horizon, its episodes, and relative actions if it uses them."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Print tables and warnings; returns the result of `datatools.survey.survey`."""
    options = parse(StatsArguments, arguments, "praxia data stats", example="praxia data stats my/dataset --horizon 16")
    if not options.roots:
        raise PraxiaError("expected the folder of a data set, got none; see `praxia data stats --help`")

    from praxia.data.dataset import Dataset
    from praxia.datatools.survey import survey
    from praxia.transforms.relative import find_relative_actions

    recipe = _recipe(options.recipe) if options.recipe else None
    horizon = recipe.window.horizon if recipe and options.horizon is None else options.horizon
    relative = options.relative or (recipe is not None and recipe.relative)
    sources = options.relative_to or (recipe.relative_to if recipe else {})
    if relative and horizon is None:
        raise PraxiaError("relative actions need chunks; add --horizon H or --recipe NAME")
    datasets = [Dataset(root) for root in options.roots]
    relative_actions = {}
    if relative:
        embodiments = list({dataset.embodiment.name: dataset.embodiment for dataset in datasets}.values())
        found = zip(embodiments, find_relative_actions(embodiments, sources), strict=True)
        relative_actions = {
            embodiment.name: one_relative for embodiment, one_relative in found if one_relative is not None
        }
    successful = recipe is not None and recipe.only_success
    result = survey(
        [(dataset, dataset.select(successful=successful)) for dataset in datasets], horizon, relative_actions
    )
    _show(result)
    return result


def _recipe(name: str) -> "TrainRun":
    from praxia.recipes import find_recipe

    return find_recipe(name)()


def _show(result: Mapping[str, Any]) -> None:
    from praxia.datatools.statistics_warnings import format_warning

    for name, embodiment in result["embodiments"].items():
        STDERR.print(
            f"{name}: {embodiment['episodes']} episodes, {embodiment['frames']} frames", highlight=False, markup=False
        )
        for feature, described in embodiment["features"].items():
            STDERR.print(_table(feature, described, embodiment))
    for warning in result["warnings"]:
        STDERR.print(format_warning(warning), highlight=False, markup=False, soft_wrap=True)


def _table(feature: str, described: Mapping[str, Any], embodiment: Mapping[str, Any]) -> Table:
    """One row per dim."""
    chunks = f", in chunks of {embodiment['horizon']}" if feature == "action" and embodiment["horizon"] else ""
    error = described["rank_error"]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = f"{feature}: {described['count'][0]} rows{chunks}, quantiles " + (
        f"within {error:.4%} of the ranks" if error else "exact"
    )
    table.add_column("dim", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for at, dim in enumerate(described["dims"]):
        mark = " (relative)" if chunks and dim in embodiment["relative"] else ""
        table.add_row(dim + mark, *(f"{described[column][at]:.5g}" for column in COLUMNS))
    return table
