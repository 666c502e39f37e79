"""`praxia eval POLICY --benchmark NAME --episodes N --out F.jsonl ...`, offline with --data, or ranks with --inside."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from praxia.cli.arguments import command_line, names_of, option_as_positional, parse
from praxia.core.errors import PraxiaError
from praxia.core.process import available_cores
from praxia.core.types import Guidance, Sampling
from praxia.studio.console import STDERR, counting, say

__all__ = ["run"]

EPISODES_PER_TASK = 20


@dataclass(frozen=True)
class EvalArguments:
    """Evaluate a policy on a named benchmark, from starts that training never saw, or offline on a data set."""

    policies: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="POLICY")]
    """The folder of a policy or training run; expert, zero or random; a policy of your own as package.module:make, a
    function from an embodiment to the policy (`--policy package.module:make` is the same); ws://HOST:PORT of `praxia
    serve`, or a JSON file that describes another's server. One, or with --inside two or more."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The results file: a new .jsonl file, or an existing one with --resume; with --inside a new .json file."""
    benchmark: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """A name from `praxia info --benchmarks`, or a JSON file that declares an environment of gymnasium."""
    delays: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A measured trace of delays: each decision takes effect so many control steps later as is drawn for it. Results
    are of a benchmark of their own, NAME/delay-trace-HASH. A fixed delay is part of the name: NAME/delay-4."""
    tasks: Annotated[str | None, tyro.conf.arg(metavar="NAME,...")] = None
    """Only these tasks of the benchmark, with commas between them. Results are then of a benchmark of their own, which
    is never mixed up with the whole one. `praxia info --tasks ENV` lists tasks."""
    data: Annotated[str | None, tyro.conf.arg(metavar="SET")] = None
    """In place of a benchmark: a data set (or a mixture file of one), whose recorded actions the policy's are compared
    with. That needs no simulator, and is no substitute for success rates. With --inside: recorded episodes, SET[,SET],
    on which state and success are read off the world's latents."""
    inside: Annotated[str | None, tyro.conf.arg(metavar="WORLD")] = None
    """Rank policies inside a world, from the benchmark's starts: the folder of a world, or "simulator". Ranks alone:
    how often a policy is seen to succeed there is not how often it succeeds."""
    episodes: Annotated[str | None, tyro.conf.arg(metavar="N|LIST|SPLIT")] = None
    """The number of episodes per task (default 20). With --data: which episodes, such as 0-9,12, or a split of the data
    set, such as val. Default: those that the policy's training held out of this data set, else those that training
    would read."""
    stride: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """With --data: query the policy at every so many frames."""
    workers: Annotated[int, tyro.conf.arg(metavar="N", help_behavior_hint="(default: one per core)")] = (
        available_cores()
    )
    """Processes that simulate and render."""
    control: Annotated[str | None, tyro.conf.arg(metavar="CONTROL")] = None
    """Disturb one input: swapped-image, frozen-state, shuffled-instruction, other-instruction or shuffled-intent."""
    bind_as: Annotated[str | None, tyro.conf.arg(metavar="EMBODIMENT", name="as")] = None
    """Evaluate on an embodiment that the policy was not trained on, with the weights of this trained embodiment."""
    ensemble: Annotated[float | None, tyro.conf.arg(metavar="RATE")] = None
    """Temporal ensembling as in ACT (m = 0.01), in place of the benchmark's chunk execution: observe every step, and
    average all predictions for it with weights exp(-m i), where i = 0 is the oldest."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """The number of flow or diffusion steps to sample with, in place of the policy's own."""
    temperature: Annotated[float | None, tyro.conf.arg(metavar="T")] = None
    """The temperature to sample tokens at, in place of the policy's own; 0 takes the likeliest."""
    guidance: Annotated[Guidance | None, tyro.conf.arg(metavar="vjp|identity")] = None
    """Guide flow or diffusion so that a chunk continues the one before (real-time chunking): by the gradient through
    the network, or, cheaper, as if that were the identity."""
    precision: Annotated[Literal["bf16"] | None, tyro.conf.arg(metavar="bf16")] = None
    """Round the weights of a trained policy and its arithmetic to bfloat16: half the memory, and faster on a GPU. It
    decides a little otherwise, so its results are those of another policy. Default: float32."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where a trained policy runs. Default: a GPU if there is one."""
    exact: bool = False
    """Run one episode per inference: rows then do not depend on workers or kills, bit for bit."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the policy's noise. It does not change the starts."""
    resume: bool = False
    """Continue a killed evaluation: run only its missing episodes."""
    json: bool = False
    """Print one JSON object on stdout."""


# What only means something where a simulator is controlled.
_BENCHMARK_ONLY = ("benchmark", "delays", "tasks", "workers", "control", "ensemble", "exact", "seed")

# What means nothing where policies are ranked inside a world; and the option that has another name than its field.
_OPTION = {"bind_as": "as"}
_NOT_INSIDE = ("delays", "stride", "workers", "control", "bind_as", "ensemble", "exact", "resume")


def run(arguments: list[str]) -> dict[str, Any]:
    """Evaluate, and return the summary with its fingerprint."""
    arguments = option_as_positional(arguments, "--policy")
    options = parse(
        EvalArguments,
        arguments,
        "praxia eval",
        example="praxia eval runs/new --benchmark tabletop/train --episodes 40 --out runs/new.jsonl",
    )
    if options.inside is not None:
        return _inside(options, options.inside)
    if len(options.policies) != 1:
        got = " ".join(options.policies) or "none"
        raise PraxiaError(f"expected one POLICY, got {got}; `praxia compare A B` decides, --inside WORLD ranks several")
    if options.data is not None:
        return _offline(options, options.data, arguments)
    if options.benchmark is None:
        raise PraxiaError(
            "expected --benchmark NAME (`praxia info --benchmarks` lists them), or --data SET to compare with recorded"
            " actions, got neither"
        )
    if options.stride != 1:
        raise PraxiaError("--stride chooses frames of recorded episodes: give it with --data, or leave it out")
    return _on_benchmark(options, options.benchmark, arguments)


def _inside(options: EvalArguments, world: str) -> dict[str, Any]:
    """Rank the policies, write the ranks to `options.out` and return them."""
    if foreign := _given(options, _NOT_INSIDE):
        raise PraxiaError(
            f"--inside ranks policies and has no --{_OPTION.get(foreign[0], foreign[0])}: leave one of them out"
        )
    if options.benchmark is None:
        raise PraxiaError("expected --benchmark NAME beside --inside, whose starts the episodes have, got none")
    if options.out.suffix != ".json" or options.out.exists():
        got = f"{options.out}, which exists" if options.out.exists() else options.out
        raise PraxiaError(f"expected --out FILE.json, a new file for the ranks, got {got}")

    from praxia.core.files import write_atomic
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.inside import open_inside, rank_inside
    from praxia.studio.terminal import rank_table

    benchmark = find_benchmark(options.benchmark)
    if options.tasks is not None:
        benchmark = benchmark.of_tasks(names_of(options.tasks))
    opened = open_inside(world, options.data, benchmark, options.device)
    with counting("eval") as report:
        result = rank_inside(
            options.policies,
            opened,
            benchmark,
            _episodes_per_task(options.episodes),
            seed=options.seed,
            sampling=Sampling(options.steps, options.temperature, options.guidance, options.precision),
            device=options.device,
            report=report,
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(options.out, json.dumps(result, indent=1) + "\n")
    STDERR.print(rank_table(result))
    return result


def _given(options: EvalArguments, names: tuple[str, ...]) -> list[str]:
    """Those of the options `names` that differ from their defaults."""
    default = {one.name: one.default for one in fields(EvalArguments)}
    return [name for name in names if getattr(options, name) != default[name]]


def _offline(options: EvalArguments, data: str, arguments: list[str]) -> dict[str, Any]:
    if foreign := _given(options, _BENCHMARK_ONLY):
        raise PraxiaError(f"--data needs no simulator and so has no --{foreign[0]}: leave one of them out")

    from praxia.evaluation.offline import evaluate_offline
    from praxia.studio.offline import print_offline

    with counting("eval") as report:
        result = evaluate_offline(
            options.policies[0],
            data,
            options.out,
            episodes=options.episodes,
            stride=options.stride,
            bind_as=options.bind_as,
            sampling=Sampling(options.steps, options.temperature, options.guidance, options.precision),
            device=options.device,
            resume=options.resume,
            command=command_line("eval", arguments),
            notice=say,
            report=report,
        )
    print_offline(STDERR, result)
    return result


def _on_benchmark(options: EvalArguments, name: str, arguments: list[str]) -> dict[str, Any]:
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.policy_entry import find_policy
    from praxia.evaluation.runner import evaluate
    from praxia.results.meta import read_meta
    from praxia.results.rows import first_error, first_fault, read_rows
    from praxia.studio.terminal import success_table

    benchmark = find_benchmark(name, options.delays)
    if options.tasks is not None:
        benchmark = benchmark.of_tasks(names_of(options.tasks))
    entry = find_policy(
        options.policies[0],
        benchmark,
        exact=options.exact,
        workers=options.workers,
        bind_as=options.bind_as,
        sampling=Sampling(options.steps, options.temperature, options.guidance, options.precision),
        device=options.device,
    )
    evaluation = entry.evaluation(
        _episodes_per_task(options.episodes),
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
            entry.family,
            workers=options.workers,
            resume=options.resume,
            threads=entry.threads,
            command=command_line("eval", arguments),
            report=report,
        )
    rows = read_rows(options.out)
    STDERR.print(success_table(rows, read_meta(options.out)))
    if "starved" in result:
        age, rate = result["observation_age"], result["observation_hz"]
        seen = "none was decided on" if age is None else f"they were {age:.1f} steps old on average, at {rate:.1f} Hz"
        STDERR.print(f"{result['starved'] or 0:.0%} of all steps were starved; observations: {seen}", highlight=False)
    if result["errors"]:
        text = f"{result['errors']} of {result['episodes']} episodes were errors and do not count in rates; the first: "
        STDERR.print(text + str(first_error(rows)), highlight=False, markup=False, soft_wrap=True)
    if result["faults"]:
        text = f"{result['faults']} of {result['episodes']} episodes failed by a fault of the policy; the first: "
        STDERR.print(text + str(first_fault(rows)), highlight=False, markup=False, soft_wrap=True)
    return result


def _episodes_per_task(text: str | None) -> int:
    if text is None:
        return EPISODES_PER_TASK
    try:
        return int(text)
    except ValueError:
        raise PraxiaError(
            f"expected --episodes to be the number of episodes per task, got {text!r}; a list needs --data"
        ) from None
