"""`praxia collect ENV --tasks a,b --episodes N --out DIR [--resume]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.process import available_cores
from praxia.core.registry import names
from praxia.envs import ENVS
from praxia.studio.console import counting, print_summary

__all__ = ["run"]


@dataclass(frozen=True)
class CollectArguments:
    """Record demonstrations of scripted experts as a LeRobot v3.0 data set. Every episode is kept, failures too."""

    env: Annotated[
        tyro.conf.Positional[str], tyro.conf.arg(help=f"The environment family: {', '.join(names('envs', ENVS))}.")
    ]
    tasks: str
    """Task names separated by commas (`praxia info --tasks ENV` lists them), or all: all training tasks."""
    out: Path
    """The data set's folder: a new one, or one to --resume."""
    episodes: int = 50
    """Episodes per task."""
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one per core)")] = available_cores()
    seed: int = 0
    size: int = 64
    """Width and height of the images in pixels."""
    cameras: str = "all"
    """Cameras whose images are kept, names separated by commas, or all."""
    profile: str = "fast"
    """The render profile: fast, plain or default."""
    resume: bool = False
    """Continue a recording that was killed."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Record a data set, and return what `collect.runner.collect` returns."""
    options = parse(CollectArguments, arguments, "praxia collect")

    from praxia.collect.plan import CollectionPlan
    from praxia.collect.runner import collect
    from praxia.envs import find_family

    family = find_family(options.env)
    tasks = tuple(family.train_tasks if options.tasks == "all" else map(family.find_task, options.tasks.split(",")))
    plan = CollectionPlan(
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
        result = collect(plan, options.out, family, workers=options.workers, resume=options.resume, report=report)
    print_summary(result)
    return result
