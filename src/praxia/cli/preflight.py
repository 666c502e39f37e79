"""`praxia preflight CKPT --benchmark NAME [--data DIR] [--as EMBODIMENT]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR

if TYPE_CHECKING:
    from praxia.evaluation.preflight.setup import PreflightResult

__all__ = ["run"]

STATUS = {True: "ok", False: "FAILED", None: "skipped"}


@dataclass(frozen=True)
class PreflightArguments:
    """Check in seconds whether checkpoint, benchmark and this machine fit together. Exit code 2 and the reason if
    not.
    """

    policy: tyro.conf.Positional[Path]
    """A policy's or a training run's folder."""
    benchmark: str
    """A name from `praxia info --benchmarks`."""
    data: Path | None = None
    """A data set that the policy was trained on, if it is no longer at the path in the checkpoint."""
    bind_as: Annotated[str | None, tyro.conf.arg(name="as")] = None
    """As for `praxia eval`: the trained embodiment whose weights to use with the benchmark's embodiment."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the checks, and return the identity of the policy with the result of `evaluation.preflight.run.preflight`."""
    options = parse(PreflightArguments, arguments, "praxia preflight")

    from praxia.checkpoint.store import read_config
    from praxia.envs import find_family
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.preflight.run import preflight

    benchmark = find_benchmark(options.benchmark)
    config, identity = read_config(options.policy)
    found = preflight(
        config,
        benchmark,
        find_family(benchmark.env),
        data=options.data,
        bind_as=options.bind_as,
        report=_print,
    )
    return {**identity.to_json(), **found}


def _print(name: str, result: "PreflightResult") -> None:
    STDERR.print(f"  {STATUS[result.ok]:9s} {name:16s} {result.detail}", highlight=False, markup=False, soft_wrap=True)
