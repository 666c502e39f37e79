"""`praxia eval CKPT|expert|zero|random --benchmark NAME --episodes N --out F.jsonl [--as BODY] [--steps N] ...`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR, command_line, counting
from praxia.core.process import available_cores

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Judge a policy on a named benchmark, from starts it never saw."""

    policy: tyro.conf.Positional[str]
    """A policy's or a training run's folder; or expert, zero or random."""
    benchmark: str
    """A name from `praxia info --benchmarks`."""
    out: Path
    """Where the rows go: a new .jsonl file, or one to --resume."""
    episodes: int = 20
    """How many of each task."""
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one a core)")] = available_cores()
    control: str | None = None
    """Spoil one sense: swapped-image, frozen-state, shuffled-instruction or other-instruction."""
    bind_as: Annotated[str | None, tyro.conf.arg(name="as")] = None
    """Judge a policy on an embodiment it was not trained on, with the weights of the trained embodiment of this name."""
    ensemble: float | None = None
    """Look at every step, whatever the benchmark's pace, and average all that was predicted for it with weights
    exp(-m i), i = 0 the oldest: ACT's temporal ensembling; its m is 0.01."""
    steps: int | None = None
    """Sample a flow or a diffusion in so many steps, instead of the policy's own number."""
    temperature: float | None = None
    """Sample tokens at this temperature, instead of the policy's own; at 0 the likeliest ones."""
    exact: bool = False
    """One episode an inference: rows then do not depend on workers or on kills, to the last bit."""
    seed: int = 0
    """Enters the policy's noise, not the starts."""
    resume: bool = False
    """Run only the episodes that a killed evaluation did not finish."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Judge, and return the summary with its fingerprint."""
    options = parse(Arguments, arguments, "praxia eval")

    from praxia.core.types import Sampling
    from praxia.envs import find_family
    from praxia.evaluate.benchmarks import find_benchmark
    from praxia.evaluate.policy_entry import find_policy
    from praxia.evaluate.runner import evaluate
    from praxia.results.meta import read_meta
    from praxia.results.rows import first_error, read_rows
    from praxia.studio.terminal import success_table

    benchmark = find_benchmark(options.benchmark)
    entry = find_policy(
        options.policy,
        benchmark,
        exact=options.exact,
        workers=options.workers,
        bind_as=options.bind_as,
        sampling=Sampling(options.steps, options.temperature),
    )
    evaluation = entry.evaluation(
        options.episodes,
        control=options.control,
        exact=options.exact,
        seed=options.seed,
        ensemble=options.ensemble,
    )
    with counting("eval") as report:
        result = evaluate(
            entry.policy,
            evaluation,
            options.out,
            find_family(benchmark.env),
            workers=options.workers,
            resume=options.resume,
            threads=entry.threads,
            command=command_line("eval", arguments),
            report=report,
        )
    rows = read_rows(options.out)
    STDERR.print(success_table(rows, read_meta(options.out)))
    if result["errors"]:
        text = f"{result['errors']} of {result['episodes']} episodes were errors and are in no rate; the first: "
        STDERR.print(text + str(first_error(rows)), highlight=False, markup=False, soft_wrap=True)
    return result
