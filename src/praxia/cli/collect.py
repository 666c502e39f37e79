"""`praxia collect ENV --tasks a,b --episodes N --out DIR [--resume]`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import PraxiaError
from praxia.core.process import available_cores
from praxia.core.registry import names
from praxia.envs import ENVS
from praxia.studio.console import counting, print_summary

if TYPE_CHECKING:
    from praxia.checkpoint.expert import TrainedExpert
    from praxia.core.embodiment import Embodiment

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
    expert: Annotated[str, tyro.conf.arg(metavar="scripted|RUN")] = "scripted"
    """Which expert: the scripted one of the environments, or a trained policy, such as a specialist's run."""
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

    if options.expert != "scripted" and options.policy != "expert":
        raise PraxiaError(f"expected --policy expert beside --expert {options.expert}, got {options.policy}")

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
    make_expert = None
    if options.expert != "scripted":
        make_expert, sha256 = _trained(Path(options.expert), family.embodiment(plan.spec(tasks[0])))
        plan = replace(plan, expert=sha256)
    with counting("collect") as report:
        result = collect(
            plan,
            options.out,
            family,
            make_expert=make_expert,
            workers=options.workers,
            resume=options.resume,
            report=report,
        )
    print_summary(result)
    return result


def _trained(folder: Path, embodiment: "Embodiment") -> "tuple[TrainedExpert, str]":
    """The policy in `folder` as an expert, and its hash.

    Raises:
        PraxiaError: there is no policy. MismatchError: it was trained for another embodiment or other images.
    """
    from praxia.checkpoint.expert import TrainedExpert
    from praxia.checkpoint.store import expect_policy, read_config
    from praxia.evaluation.compatibility import Counterpart, match_counterpart

    config, identity = read_config(folder)
    expect_policy(config, folder)
    cameras = tuple(camera.name for camera in embodiment.cameras)
    advice = "choose the environments and the --size that it was trained on"
    match_counterpart(config, Counterpart("the collection", cameras, advice, advice), embodiment)
    return TrainedExpert(folder, embodiment), identity.policy_sha256
