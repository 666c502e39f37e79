"""`praxia preflight CKPT --benchmark NAME [--data DIR] [--as BODY]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR

if TYPE_CHECKING:
    from praxia.evaluate.preflight.subject import Check

__all__ = ["run"]

WORDS = {True: "ok", False: "FAILED", None: "not done"}


@dataclass(frozen=True)
class Arguments:
    """Whether checkpoint, benchmark and this machine fit, in seconds. Exit code 2 and the reason where they do not."""

    policy: tyro.conf.Positional[Path]
    """A policy's or a training run's folder."""
    benchmark: str
    """A name from `praxia info --benchmarks`."""
    data: Path | None = None
    """A data set that the policy was trained on, where it is no longer at the path that the checkpoint names."""
    bind_as: Annotated[str | None, tyro.conf.arg(name="as")] = None
    """As for `praxia eval`: the trained embodiment to use on an embodiment that the policy was not trained on."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Check, and return what `evaluate.preflight.run.preflight` returns, and what the policy is known by."""
    options = parse(Arguments, arguments, "praxia preflight")

    from praxia.checkpoint.store import read_config
    from praxia.envs import find_family
    from praxia.evaluate.benchmarks import find_benchmark
    from praxia.evaluate.preflight.run import preflight

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


def _print(check: "Check") -> None:
    STDERR.print(
        f"  {WORDS[check.ok]:9s} {check.name:16s} {check.detail}", highlight=False, markup=False, soft_wrap=True
    )
