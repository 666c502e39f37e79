"""`praxia compare A B [--benchmark NAME --out DIR] [--until-decided]`, of results files or of policies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR, command_line, counting
from praxia.core.errors import PraxiaError, Refused
from praxia.core.process import available_cores

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Which of two policies is better, by their episodes from the same starts."""

    a: tyro.conf.Positional[str]
    """The first, which the verdict is about: a results file (.jsonl), or a policy's or a training run's folder; or
    expert, zero or random."""
    b: tyro.conf.Positional[str]
    """The second, of the same kind."""
    benchmark: str | None = None
    """For policies: a name from `praxia info --benchmarks`."""
    episodes: int = 20
    """For policies: how many of each task, or at most how many."""
    until_decided: bool = False
    """Take pairs, all tasks in turn, only until the verdict is sure: a test that may be looked at after every pair.
    Without it all pairs are taken, by an exact test for a number of pairs that was fixed beforehand: with --resume and
    more --episodes again and again until it comes out well, that test no longer holds."""
    out: Path | None = None
    """For policies: a new folder for both results files, or one to --resume."""
    workers: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one a core)")] = available_cores()
    steps: int | None = None
    """For policies: sample both in so many steps of a flow or a diffusion, instead of their own number."""
    temperature: float | None = None
    """For policies: sample tokens of both at this temperature, instead of their own; at 0 the likeliest ones."""
    exact: bool = False
    """One episode an inference: rows and verdict then do not depend on workers or on kills, to the last bit."""
    resume: bool = False
    """Run only the episodes that a killed comparison did not finish."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Compare, and return the verdict."""
    options = parse(Arguments, arguments, "praxia compare")

    from praxia.results.folder import is_results_file, results_name
    from praxia.results.meta import privilege_of, read_meta
    from praxia.results.rows import first_error, read_rows
    from praxia.studio.terminal import verdict_sentence, verdict_table

    names = options.a, options.b
    results = [name.endswith(".jsonl") or is_results_file(Path(name)) for name in names]
    if all(results):
        labels, files = (results_name(Path(options.a)), results_name(Path(options.b))), names
        verdict = _of_files(options)
    elif any(results):
        raise PraxiaError(f"expected two results files or two policies, got {options.a} and {options.b}")
    else:
        labels = _labels(*names)
        verdict, files = _of_policies(options, command_line("compare", arguments))
    privilege = [privilege_of(read_meta(Path(file))) for file in files]
    result = {**verdict, "results": list(files), "privilege": privilege}
    error = first_error([row for file in files for row in read_rows(Path(file))])
    if not verdict["pairs"]:
        raise Refused(f"{verdict_sentence(verdict, *labels)}; the first: {error}", result)
    STDERR.print(verdict_table(verdict))
    for label, words in zip(labels, privilege, strict=True):
        if words is not None:
            STDERR.print(f"{label}: {words}", highlight=False, markup=False)
    STDERR.print(verdict_sentence(verdict, *labels), highlight=False, markup=False, soft_wrap=True)
    if verdict["errors"]:
        STDERR.print(f"the first error: {error}", highlight=False, markup=False, soft_wrap=True)
    return result


def _of_files(options: Arguments) -> dict[str, Any]:
    from praxia.results.pairs import pair_files
    from praxia.results.verdict import verdict_of

    if options.benchmark or options.out:
        raise PraxiaError("results files bring their benchmark and need no folder: leave out --benchmark and --out")
    if options.steps is not None or options.temperature is not None:
        raise PraxiaError("results files were sampled already: leave out --steps and --temperature")
    return verdict_of(pair_files(Path(options.a), Path(options.b)), until_decided=options.until_decided)


def _of_policies(options: Arguments, command: str) -> tuple[dict[str, Any], tuple[str, str]]:
    """The verdict, and the results files of both."""
    if options.benchmark is None or options.out is None:
        raise PraxiaError(
            "to compare policies expected --benchmark NAME (`praxia info --benchmarks` lists them) and --out DIR"
        )
    if options.out.exists() and not options.out.is_dir():
        raise PraxiaError(f"expected --out to be a folder, got the file {options.out}")
    from praxia.core.types import Sampling
    from praxia.envs import find_family
    from praxia.evaluate.benchmarks import find_benchmark
    from praxia.evaluate.compare import EvaluatedPolicy, compare
    from praxia.evaluate.policy_entry import find_policy

    benchmark, out = find_benchmark(options.benchmark), options.out
    sampling = Sampling(options.steps, options.temperature)

    def evaluated(name: str, label: str) -> EvaluatedPolicy:
        entry = find_policy(name, benchmark, exact=options.exact, workers=options.workers, sampling=sampling)
        evaluation = entry.evaluation(options.episodes, exact=options.exact)
        return EvaluatedPolicy(entry.policy, evaluation, out / f"{label}.jsonl", entry.threads)

    label_a, label_b = _labels(options.a, options.b)
    a, b = evaluated(options.a, label_a), evaluated(options.b, label_b)
    with counting("compare") as report:
        verdict = compare(
            a,
            b,
            find_family(benchmark.env),
            until_decided=options.until_decided,
            workers=options.workers,
            resume=options.resume,
            command=command,
            report=report,
        )
    return verdict, (str(a.out), str(b.out))


def _labels(a: str, b: str) -> tuple[str, str]:
    """What both policies and their files are called: as their runs are, kept apart where that is the same."""
    paths = [Path(name).resolve() for name in (a, b)]
    ours, theirs = (path.parent.name if path.name == "policy" else path.name for path in paths)
    return (ours, theirs) if ours != theirs else (f"{ours}-a", f"{theirs}-b")
