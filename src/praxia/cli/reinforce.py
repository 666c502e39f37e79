"""`praxia reinforce sac ENV --tasks T --out RUN [--resume]`. Each field of the learner is an option."""

from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import command_line, names_of, parse
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.registry import names
from praxia.envs import ENVS
from praxia.studio.console import counting, print_summary

__all__ = ["run"]

EXAMPLE = "praxia reinforce {} metaworld --tasks window-open{} --out runs/window-open"
HELP = f"""\
usage: praxia reinforce ALGORITHM ENV --tasks TASK --out RUN [--resume] [--json]

Train a specialist: a policy of one task that reads the simulator's state. Algorithms:

  sac    soft actor-critic
  rlpd   the same, with half of each batch from demonstrations (--demos)
  ppo    proximal policy optimisation

`praxia reinforce ALGORITHM --help` has the options. Example: {EXAMPLE.format("sac", "")}
"""


@dataclass(frozen=True, kw_only=True)
class ReinforceOptions:
    """Train a specialist by trial: a policy of one task that reads the simulator's state."""

    env: Annotated[
        tyro.conf.Positional[str],
        tyro.conf.arg(metavar="ENV", help=f"The environment family: {', '.join(names('envs', ENVS))}."),
    ]
    tasks: Annotated[str, tyro.conf.arg(metavar="NAME")]
    """The task: `praxia info --tasks ENV` lists them. A specialist has one."""
    out: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """The folder of the run: policy, metrics and state."""
    demos: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """For rlpd: a data set that praxia recorded. Its successful episodes of the task are repeated in the simulator."""
    reward: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The reward, by the name that the environment family gives it. Default: dense, where there is such a one."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Processes that simulate. The result is the same with any number."""
    resume: bool = False
    """Continue from the last saved state."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Train a specialist, and return what `reinforce.run.reinforce` returns."""
    if not arguments or arguments[0].startswith("-"):
        if "--help" not in arguments and "-h" not in arguments:
            got = arguments[0] if arguments else "none"
            raise PraxiaError(f"expected an algorithm as the first argument, got {got}; see praxia reinforce --help")
        print(HELP)
        raise SystemExit(0)
    from praxia.reinforce.config import LEARNERS

    name = arguments[0]
    if name not in LEARNERS:
        raise UnknownName("algorithm", name, LEARNERS, "praxia reinforce --help")
    about = ReinforceOptions.__doc__
    options = parse(
        _arguments(name),
        arguments[1:],
        f"praxia reinforce {name}",
        about,
        example=EXAMPLE.format(name, " --demos data/window-open" if name == "rlpd" else ""),
    )
    given = names_of(options.tasks)
    if len(given) != 1:
        raise PraxiaError(
            f"expected one task, since a specialist has one, got {options.tasks!r}; train one after another"
        )

    from praxia.envs import find_family
    from praxia.reinforce.config import ReinforceRun
    from praxia.reinforce.run import reinforce

    family = find_family(options.env)
    planned = ReinforceRun(options.env, family.find_task(given[0]), options.learner, options.train, options.reward)
    with counting(f"reinforce {planned.task}") as report:
        result = reinforce(
            planned,
            options.out,
            family,
            command=command_line("reinforce", arguments),
            demos=options.demos,
            workers=options.workers,
            resume=options.resume,
            report=report,
        )
    print_summary(result)
    return result


def _arguments(name: str) -> Any:
    """The options of the algorithm `name`, with those of its learner."""
    from praxia.reinforce.config import LEARNERS, Practice

    parts = {"learner": LEARNERS[name], "train": Practice()}
    options = [(part, type(default), field(default=default)) for part, default in parts.items()]
    return make_dataclass("ReinforceArguments", options, bases=(ReinforceOptions,), frozen=True, kw_only=True)
