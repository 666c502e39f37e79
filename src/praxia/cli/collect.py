"""`praxia collect ENV --tasks a,b --episodes N --out DIR [--resume]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import counting, print_summary
from praxia.core.process import available_cores

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Record demonstrations of scripted experts as a LeRobot v3.0 data set. Every episode is kept, failures too."""

    env: tyro.conf.Positional[str]
    """The family of environments, such as metaworld."""
    tasks: str
    """Task names with commas between them, or all: all that are for training."""
    out: Path
    """The data set's folder: new, or one to --resume."""
    episodes: int = 50
    """How many of each task."""
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one a core)")] = available_cores()
    seed: int = 0
    size: int = 64
    """The images' side in pixels."""
    cameras: str = "all"
    """Whose images are kept, names with commas between them: all that the embodiment has, or some."""
    profile: str = "fast"
    """The render profile: fast, plain or default."""
    resume: bool = False
    """Go on with a recording that was killed."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Record, and return what `collect.runner.collect` returns."""
    options = parse(Arguments, arguments, "praxia collect")

    from praxia.collect.plan import CollectionPlan
    from praxia.collect.runner import collect
    from praxia.envs import find_family

    family = find_family(options.env)
    tasks = tuple(family.trained if options.tasks == "all" else map(family.task, options.tasks.split(",")))
    collection = CollectionPlan(
        options.env,
        tasks,
        options.episodes,
        max(map(family.horizon, tasks)),
        seed=options.seed,
        profile=options.profile,
        size=options.size,
        failure_every=family.failure_every,
        cameras=() if options.cameras == "all" else tuple(options.cameras.split(",")),
    )
    with counting("collect") as report:
        result = collect(collection, options.out, family, workers=options.workers, resume=options.resume, report=report)
    print_summary(result)
    return result
