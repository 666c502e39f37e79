"""`praxia compare A B [--benchmark NAME --out DIR] [--until-decided]`, for results files or policies."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from praxia.cli.arguments import command_line, names_of, parse
from praxia.core.errors import CheckFailed, PraxiaError
from praxia.core.process import available_cores
from praxia.core.types import Guidance, Sampling
from praxia.studio.console import STDERR, counting

__all__ = ["run"]


@dataclass(frozen=True)
class CompareArguments:
    """Compare two policies by their episodes from the same starts."""

    a: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="A")]
    """The policy that the verdict is about: a results file (.jsonl), or a policy as `praxia eval` takes it. Two
    results files may also be of offline evaluations (`praxia eval POLICY --data SET`)."""
    b: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="B")]
    """The policy to compare with, given in the same way."""
    benchmark: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """For policies: a name from `praxia info --benchmarks`."""
    delays: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A measured trace of delays: each decision takes effect so many control steps later as is drawn for it. Results
    are of a benchmark of their own, NAME/delay-trace-HASH. A fixed delay is part of the name: NAME/delay-4."""
    tasks: Annotated[str | None, tyro.conf.arg(metavar="NAME,...")] = None
    """For policies: only these tasks of the benchmark, with commas between them."""
    episodes: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """For policies: the number of episodes per task, or with --until-decided the maximum."""
    until_decided: bool = False
    """Stop as soon as the verdict is certain, by a sequential test that is valid after every pair, round-robin over the
    tasks. Without this option all pairs are used, by an exact test that is valid only for a number of pairs that was
    fixed beforehand: do not add --episodes with --resume until the verdict suits you, use --until-decided instead."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """For policies: a new folder for both results files, or an existing one with --resume."""
    workers: Annotated[int, tyro.conf.arg(metavar="N", help_behavior_hint="(default: one per core)")] = (
        available_cores()
    )
    """For policies: processes that simulate and render."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """For policies: the number of flow or diffusion steps to sample both with, in place of their own."""
    temperature: Annotated[float | None, tyro.conf.arg(metavar="T")] = None
    """For policies: the temperature to sample tokens of both at, in place of their own; 0 takes the likeliest."""
    guidance: Annotated[Guidance | None, tyro.conf.arg(metavar="vjp|identity")] = None
    """For policies: how to guide flow or diffusion of both, as in `praxia eval`."""
    precision: Annotated[Literal["bf16"] | None, tyro.conf.arg(metavar="bf16")] = None
    """For policies: round weights and arithmetic of both to bfloat16, as in `praxia eval`."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """For trained policies: where they run. Default: a GPU if there is one."""
    exact: bool = False
    """Run one episode per inference: rows and verdict then do not depend on workers or kills, bit for bit."""
    resume: bool = False
    """Continue a killed comparison: run only its missing episodes."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Compare, and return the verdict."""
    options = parse(
        CompareArguments,
        arguments,
        "praxia compare",
        example="praxia compare runs/new runs/old --benchmark tabletop/train --until-decided --out runs/versus",
    )

    from praxia.results.offline import is_offline_file

    names = options.a, options.b
    offline = [is_offline_file(Path(name)) for name in names]
    if any(offline):
        return _of_offline(options, offline)

    from praxia.results.folder import is_results_file, results_name
    from praxia.results.meta import privilege_of, read_meta
    from praxia.results.rows import first_error, read_rows
    from praxia.studio.terminal import verdict_sentence, verdict_table

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
    error = first_error([row for file in files for row in read_rows(Path(file))]) if verdict["errors"] else None
    if not verdict["pairs"]:
        first = "" if error is None else f"; the first: {error}"
        raise CheckFailed(verdict_sentence(verdict, *labels) + first, result)
    STDERR.print(verdict_table(verdict))
    for label, text in zip(labels, privilege, strict=True):
        if text is not None:
            STDERR.print(f"{label}: {text}", highlight=False, markup=False)
    STDERR.print(verdict_sentence(verdict, *labels), highlight=False, markup=False, soft_wrap=True)
    if error is not None:
        STDERR.print(f"the first error: {error}", highlight=False, markup=False, soft_wrap=True)
    return result


def _of_offline(options: CompareArguments, offline: Sequence[bool]) -> dict[str, Any]:
    """The comparison of two offline evaluations."""
    if not all(offline):
        raise PraxiaError(
            f"expected two offline evaluations (`praxia eval POLICY --data SET`), got {options.a} and {options.b}, of"
            " which one is none"
        )
    default = {one.name: one.default for one in fields(CompareArguments)}
    foreign = [name for name in default if name not in ("a", "b", "json") and getattr(options, name) != default[name]]
    if foreign:
        option = foreign[0].replace("_", "-")
        raise PraxiaError(f"offline evaluations are compared as they are: leave out --{option}")

    from praxia.results.folder import results_name
    from praxia.results.offline import compare_offline
    from praxia.studio.offline import print_offline_comparison

    a, b = Path(options.a), Path(options.b)
    result = {**compare_offline(a, b), "results": [options.a, options.b]}
    print_offline_comparison(STDERR, result, results_name(a), results_name(b))
    return result


def _of_files(options: CompareArguments) -> dict[str, Any]:
    from praxia.results.pairs import pair_files
    from praxia.results.verdict import verdict_of

    if options.benchmark or options.delays or options.tasks or options.out:
        raise PraxiaError(
            "results files have a benchmark already and need no folder: leave out --benchmark, --delays, --tasks and"
            " --out"
        )
    if sampling := Sampling(options.steps, options.temperature, options.guidance, options.precision).to_json():
        raise PraxiaError(f"results files are sampled already: leave out --{next(iter(sampling))}")
    if options.device is not None:
        raise PraxiaError("results files need no policy to run: leave out --device")
    return verdict_of(pair_files(Path(options.a), Path(options.b)), until_decided=options.until_decided)


def _of_policies(options: CompareArguments, command: str) -> tuple[dict[str, Any], tuple[str, str]]:
    """The verdict, and the results files of both policies."""
    if options.benchmark is None or options.out is None:
        raise PraxiaError(
            "comparing policies needs --benchmark NAME (`praxia info --benchmarks` lists them) and --out DIR"
        )
    if options.out.exists() and not options.out.is_dir():
        raise PraxiaError(f"expected --out to be a folder, got the file {options.out}")
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.compare import EvaluatedPolicy, compare
    from praxia.evaluation.policy_entry import PolicyEntry, find_policy

    benchmark, out = find_benchmark(options.benchmark, options.delays), options.out
    if options.tasks is not None:
        benchmark = benchmark.of_tasks(names_of(options.tasks))
    sampling = Sampling(options.steps, options.temperature, options.guidance, options.precision)

    found = [
        find_policy(
            name, benchmark, exact=options.exact, workers=options.workers, sampling=sampling, device=options.device
        )
        for name in (options.a, options.b)
    ]

    def evaluated(entry: PolicyEntry, label: str) -> EvaluatedPolicy:
        evaluation = entry.evaluation(options.episodes, exact=options.exact)
        return EvaluatedPolicy(entry.policy, evaluation, out / f"{label}.jsonl", entry.threads)

    label_a, label_b = _labels(options.a, options.b)
    a, b = evaluated(found[0], label_a), evaluated(found[1], label_b)
    with counting("compare") as report:
        verdict = compare(
            a,
            b,
            next((one.family for one in found if one.reveals), found[0].family),
            until_decided=options.until_decided,
            workers=options.workers,
            resume=options.resume,
            command=command,
            report=report,
        )
    return verdict, (str(a.out), str(b.out))


def _labels(a: str, b: str) -> tuple[str, str]:
    """The labels of both policies and their files: the names of their runs, made unique."""
    paths = [Path(name).resolve() for name in (a, b)]
    ours, theirs = (path.parent.name if path.name == "policy" else path.name for path in paths)
    return (ours, theirs) if ours != theirs else (f"{ours}-a", f"{theirs}-b")
