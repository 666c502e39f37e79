"""`praxia study NAME --out DIR`."""

import sys
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import print_summary, stages
from praxia.core.errors import PraxiaError
from praxia.core.lock import Lock
from praxia.core.process import available_cores
from praxia.core.registry import lookup
from praxia.studies import STUDIES

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Run a named study: "demo" collects, trains, judges and reports in minutes."""

    name: tyro.conf.Positional[str]
    out: Path
    """A new folder, or one whose study was interrupted."""
    seed: int = 0
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one a core)")] = available_cores()
    scale: float = 1.0
    """A fraction of the demonstrations, training steps and episodes: 0.02 shows that everything works."""
    arena: str | None = None
    """Where the study of heads compares them: bimodal, pusht or tabletop."""
    seeds: int | None = None
    """How often the study of heads trains each."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the study and return its result."""
    options = parse(Arguments, arguments, "praxia study")
    study = lookup("studies", STUDIES, options.name, kind="study", listing="praxia study --help")
    own = {name: getattr(options, name) for name in ("arena", "seeds") if getattr(options, name) is not None}
    if strange := own.keys() - signature(study).parameters.keys():
        raise PraxiaError(f"study {options.name!r} takes no --{', --'.join(sorted(strange))}")
    with Lock(options.out / ".lock", options.out), stages() as report:
        result = study(
            options.out, seed=options.seed, workers=options.workers, scale=options.scale, report=report, **own
        )
    print_summary(result["summary"])
    print(f"REPORT {result['report']}", file=sys.stderr if options.json else sys.stdout)
    if not result["passed"]:
        raise PraxiaError(f"expected {result['expected']}, got {result['got']}; open {result['report']}")
    return result
