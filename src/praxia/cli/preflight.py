"""`praxia preflight POLICY --benchmark NAME [--data DIR] [--as EMBODIMENT]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from praxia.cli.arguments import option_as_positional, parse
from praxia.core.errors import PraxiaError
from praxia.studio.console import STDERR

if TYPE_CHECKING:
    from praxia.checkpoint.store import PolicyConfig
    from praxia.core.types import Sampling
    from praxia.evaluation.benchmarks import Benchmark
    from praxia.evaluation.policy_factory import ForeignPolicy
    from praxia.evaluation.preflight.setup import PreflightResult

__all__ = ["run"]

STATUS = {True: "ok", False: "FAILED", None: "skipped"}


@dataclass(frozen=True)
class PreflightArguments:
    """Check in seconds whether policy, benchmark and this machine fit together. Exit code 2 and the reason if
    not.
    """

    policy: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="POLICY")]
    """The folder of a policy or training run, or a policy of your own as `praxia eval` takes it."""
    benchmark: Annotated[str, tyro.conf.arg(metavar="NAME")]
    """A name from `praxia info --benchmarks`."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A data set that the policy was trained on, if it is no longer at the path in the checkpoint."""
    bind_as: Annotated[str | None, tyro.conf.arg(metavar="EMBODIMENT", name="as")] = None
    """As for `praxia eval`: the trained embodiment whose weights to use with the benchmark's embodiment."""
    precision: Annotated[Literal["bf16"] | None, tyro.conf.arg(metavar="bf16")] = None
    """As for `praxia eval`."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the checks, and return the identity of the policy with the result of `evaluation.preflight.run.preflight`."""
    options = parse(
        PreflightArguments,
        option_as_positional(arguments, "--policy"),
        "praxia preflight",
        example="praxia preflight runs/new --benchmark tabletop/train",
    )

    from praxia.core.types import Sampling
    from praxia.envs import find_family
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.preflight.run import preflight

    benchmark = find_benchmark(options.benchmark)
    policy, identity = _find(options.policy, benchmark, options.bind_as, Sampling(precision=options.precision))
    found = preflight(
        policy,
        benchmark,
        find_family(benchmark.env),
        data=options.data,
        bind_as=options.bind_as,
        report=_print,
    )
    return {**identity, **found}


def _find(
    name: str, benchmark: "Benchmark", bind_as: str | None, sampling: "Sampling"
) -> "tuple[PolicyConfig | ForeignPolicy, dict[str, Any]]":
    """A checkpoint's config, or a foreign policy, and what identifies it."""
    from praxia.evaluation.policy_entry import expect_unbound, make_foreign
    from praxia.evaluation.policy_factory import PolicyFactory
    from praxia.evaluation.policy_resolver import PlannerFile, ScriptedPolicy, resolve_policy

    found = resolve_policy(name)
    if isinstance(found, ScriptedPolicy | PlannerFile):
        raise PraxiaError(f"preflight checks the folder of a policy or a policy of your own, got {name!r}")
    if isinstance(found, PolicyFactory):
        expect_unbound(name, bind_as, sampling)
        foreign = make_foreign(found, benchmark)
        return foreign, {"policy_sha256": foreign.policy_sha256, "claim": foreign.claim}

    from praxia.checkpoint.store import expect_policy, read_config

    config, identity = read_config(found.path, sampling)
    expect_policy(config, found.path)
    return config, identity.to_json()


def _print(name: str, result: "PreflightResult") -> None:
    STDERR.print(f"  {STATUS[result.ok]:9s} {name:16s} {result.detail}", highlight=False, markup=False, soft_wrap=True)
