"""`praxia eval CKPT|expert|zero|random --benchmark NAME --episodes N --out F.jsonl [--as EMBODIMENT] ...`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR, command_line, counting
from praxia.core.process import available_cores

__all__ = ["run"]


@dataclass(frozen=True)
class EvalArguments:
    """Evaluate a policy on a named benchmark, from starts that were never used for training."""

    policy: tyro.conf.Positional[str]
    """The folder of a policy or training run, or expert, zero or random."""
    benchmark: str
    """A name from `praxia info --benchmarks`."""
    out: Path
    """The results file: a new .jsonl file, or an existing one with --resume."""
    episodes: int = 20
    """Number of episodes per task."""
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one per core)")] = available_cores()
    control: str | None = None
    """Disturb one input: swapped-image, frozen-state, shuffled-instruction or other-instruction."""
    bind_as: Annotated[str | None, tyro.conf.arg(name="as")] = None
    """Evaluate on an embodiment that the policy was not trained on, with the weights of this trained embodiment."""
    ensemble: float | None = None
    """Temporal ensembling as in ACT (m = 0.01), in place of the benchmark's chunk execution: observe every step, and
    average all predictions for it with weights exp(-m i), where i = 0 is the oldest."""
    steps: int | None = None
    """The number of flow or diffusion steps to sample with, in place of the policy's own."""
    temperature: float | None = None
    """The temperature to sample tokens at, in place of the policy's own; 0 takes the likeliest."""
    exact: bool = False
    """Run one episode per inference: rows then do not depend on workers or kills, bit for bit."""
    seed: int = 0
    """Seed of the policy's noise. It does not change the starts."""
    resume: bool = False
    """Continue a killed evaluation: run only its missing episodes."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Evaluate, and return the summary with its fingerprint."""
    options = parse(EvalArguments, arguments, "praxia eval")

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
        text = f"{result['errors']} of {result['episodes']} episodes were errors and do not count in rates; the first: "
        STDERR.print(text + str(first_error(rows)), highlight=False, markup=False, soft_wrap=True)
    return result
