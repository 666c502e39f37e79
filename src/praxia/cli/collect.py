"""`praxia collect ENV --tasks a,b --episodes N --out DIR [--resume]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

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
        tyro.conf.Positional[str],
        tyro.conf.arg(
            metavar="ENV",
            help=f"The environment family: {', '.join(names('envs', ENVS))}; or a JSON file, for gymnasium's.",
        ),
    ]
    tasks: Annotated[str, tyro.conf.arg(metavar="NAME,...|all")]
    """Task names separated by commas (`praxia info --tasks ENV` lists them), or all: all training tasks."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The data set's folder: a new one, or one to --resume."""
    episodes: Annotated[int, tyro.conf.arg(metavar="N")] = 50
    """Episodes per task."""
    workers: Annotated[int, tyro.conf.arg(metavar="N", help_behavior_hint="(default: one per core)")] = (
        available_cores()
    )
    """Processes that simulate and render."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the starts and of the experts' noise."""
    size: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 64
    """Width and height of the images in pixels."""
    cameras: Annotated[str, tyro.conf.arg(metavar="NAME,...|all")] = "all"
    """Cameras whose images are kept, names separated by commas, or all."""
    profile: Annotated[str, tyro.conf.arg(metavar="PROFILE")] = "fast"
    """The render profile: fast, plain or default."""
    policy: Literal["expert", "random"] = "expert"
    """Who acts: the expert, with noise in some episodes, or chance, for models of the world."""
    resume: bool = False
    """Continue a recording that was killed."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Record a data set, and return what `collect.runner.collect` returns."""
    options = parse(
        CollectArguments,
        arguments,
        "praxia collect",
        example="praxia collect metaworld --tasks door-open,drawer-open --episodes 50 --out data/two",
    )

    from praxia.collect.plan import DEFAULT_NOISE, CollectionPlan
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
        noise=DEFAULT_NOISE if options.policy == "expert" else (0.0,),
        failure_every=family.failure_every if options.policy == "expert" else None,
        policy=options.policy,
        cameras=() if options.cameras == "all" else tuple(options.cameras.split(",")),
    )
    with counting("collect") as report:
        result = collect(plan, options.out, family, workers=options.workers, resume=options.resume, report=report)
    print_summary(result)
    return result
