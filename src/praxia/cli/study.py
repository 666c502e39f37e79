"""`praxia study NAME --out DIR`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import PraxiaError
from praxia.core.lock import Lock
from praxia.core.process import available_cores
from praxia.core.registry import lookup, names
from praxia.studies import STUDIES
from praxia.studio.console import print_summary, stages

__all__ = ["run"]


@dataclass(frozen=True)
class StudyArguments:
    """Run a named study, such as "demo", which collects, trains, evaluates and reports in minutes."""

    name: Annotated[
        tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME", help=f"One of {', '.join(names('studies', STUDIES))}.")
    ]
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A new folder, or that of an interrupted study, which continues."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of collection and training."""
    workers: Annotated[int, tyro.conf.arg(metavar="N", help_behavior_hint="(default: one per core)")] = (
        available_cores()
    )
    """Processes that simulate and render."""
    scale: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 1.0
    """Fraction of the demonstrations, training steps and episodes: 0.02 shows that everything works."""
    arena: Annotated[str | None, tyro.conf.arg(metavar="ARENA")] = None
    """The environment of the study of heads (bimodal, pusht or tabletop) or of delays (bimodal, moving or tabletop)."""
    seeds: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Number of trainings per head in the study of heads, or per model in that of worlds."""
    parts: Annotated[str | None, tyro.conf.arg(metavar="NAME,...")] = None
    """Parts of the study of worlds, separated by commas: cost, idm, joint, latent-actions, pusht, ranking, tworoom.
    Default: all."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the study and return its result. A bar that it misses is no error: a line on stderr says so."""
    options = parse(StudyArguments, arguments, "praxia study", example="praxia study demo --out runs/demo")
    study = lookup("studies", STUDIES, options.name, kind="study", listing="praxia study --help")
    extra = {name: getattr(options, name) for name in ("arena", "seeds", "parts") if getattr(options, name) is not None}
    if unknown := extra.keys() - signature(study).parameters.keys():
        raise PraxiaError(f"study {options.name!r} takes no --{', --'.join(sorted(unknown))}")
    with Lock(options.out / ".lock", options.out), stages() as report:
        result = study(
            options.out, seed=options.seed, workers=options.workers, scale=options.scale, report=report, **extra
        )
    print_summary(result["summary"])
    print(f"REPORT {result['report']}", file=sys.stderr if options.json else sys.stdout)
    if missed := _missed(result["passed"]):
        print(f"missed{missed}: expected {result['expected']}, got {result['got']}", file=sys.stderr)
    return result


def _missed(passed: bool | Mapping[str, bool]) -> str:
    """The bars that were missed, as text after "missed"; empty: none was. A study without names of bars has one."""
    if isinstance(passed, bool):
        return "" if passed else " its bar"
    names = [name for name, ok in passed.items() if not ok]
    return f" {', '.join(names)}" if names else ""
