"""`praxia plan WORLD --benchmark NAME --out F.jsonl ...`."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from praxia.cli.arguments import command_line, names_of, parse
from praxia.core.errors import PraxiaError, expect_positive
from praxia.core.process import available_cores
from praxia.studio.console import STDERR, counting

if TYPE_CHECKING:
    from praxia.evaluation.planner_entry import PlannerConfig
    from praxia.nn.world import World
    from praxia.planning.solver import Solver

__all__ = ["run"]

# Options of solvers: a solver takes those that are fields of its own.
_OF_SOLVERS = ("samples", "iterations", "elites", "temperature", "learning_rate", "returns")


@dataclass(frozen=True)
class PlanArguments:
    """Plan in a world on a named benchmark: every decision is the plan whose imagined future costs least."""

    world: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WORLD")]
    """The folder of a world or its run, or "simulator": the benchmark's own environment, with perfect dynamics."""
    benchmark: Annotated[str, tyro.conf.arg(metavar="NAME")]
    """A name from `praxia info --benchmarks`."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The results file: a new .jsonl file, or an existing one with --resume."""
    tasks: Annotated[str | None, tyro.conf.arg(metavar="NAME,...")] = None
    """Only these tasks of the benchmark, with commas between them."""
    episodes: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """The number of episodes per task."""
    solver: Annotated[str, tyro.conf.arg(metavar="cem|mppi|gradient")] = "cem"
    """What searches plans: by sampling (cem, mppi), or by gradient through the world."""
    objective: Annotated[str | None, tyro.conf.arg(metavar="goal-distance|goal-path|reward")] = None
    """What an imagined future costs: the distance from the goal at its end or all along, or minus its reward. Default:
    goal-distance; in a simulator, which gives rewards, reward."""
    goal: Annotated[str | None, tyro.conf.arg(metavar="SEEN=GOAL,...")] = None
    """How the observation shows the goal: image.top=image.goal says that camera "goal" shows what camera "top" is to
    see. Default for distances: the camera "goal" for the world's only camera."""
    blocks: Annotated[int, tyro.conf.arg(metavar="N")] = 5
    """The number of blocks of a plan."""
    block_steps: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: the world's stride)")
    ] = None
    """Control steps of a block, a multiple of the world's stride; 5 in a simulator."""
    repeat: bool = False
    """Search one action per block, which is repeated, in place of one per step."""
    shrink: bool = False
    """Keep the end of the plan where it is while the episode goes on, so that plans get shorter."""
    samples: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Candidates per iteration (cem, mppi), or beginnings (gradient). Default: the solver's."""
    iterations: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Iterations of the search. Default: the solver's."""
    elites: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """The cheapest candidates, which count (cem, mppi). Default: the solver's."""
    temperature: Annotated[float | None, tyro.conf.arg(metavar="T")] = None
    """How much more than the best a candidate costs that counts 1/e as much (mppi). Default: the solver's."""
    learning_rate: Annotated[float | None, tyro.conf.arg(metavar="X")] = None
    """Step of Adam, in halves of the action's range (gradient). Default: the solver's."""
    returns: Annotated[Literal["mean", "best"] | None, tyro.conf.arg(metavar="mean|best")] = None
    """The mean of the last elites, or the best candidate of all (cem). Default: the mean."""
    workers: Annotated[int, tyro.conf.arg(metavar="N", help_behavior_hint="(default: one per core)")] = (
        available_cores()
    )
    """Processes that simulate and render."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where the world runs. Default: a GPU if there is one; a simulator: the CPU."""
    exact: bool = False
    """Plan for one episode at a time: rows then do not depend on workers or kills, bit for bit."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the planner's noise. It does not change the starts."""
    resume: bool = False
    """Continue a killed evaluation: run only its missing episodes."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Evaluate the planner; the summary with its fingerprint, and the planner as the JSON that `eval` takes."""
    options = parse(
        PlanArguments,
        arguments,
        "praxia plan",
        example="praxia plan runs/world --benchmark tworoom --solver cem --out runs/plan.jsonl",
    )
    from praxia.core.config import config_to_json
    from praxia.evaluation.benchmarks import find_benchmark
    from praxia.evaluation.planner_entry import open_world, planner_entry
    from praxia.evaluation.runner import evaluate
    from praxia.results.meta import read_meta
    from praxia.results.rows import read_rows
    from praxia.studio.terminal import success_table

    benchmark = find_benchmark(options.benchmark)
    if options.tasks is not None:
        benchmark = benchmark.of_tasks(names_of(options.tasks))
    opened = open_world(options.world, benchmark, options.device)
    config = _planner(options, opened.world)
    threads = 1 if options.exact else max(1, available_cores() - options.workers)
    entry = planner_entry(config, opened, benchmark, threads=threads)
    with counting("plan") as report:
        result = evaluate(
            entry.policy,
            entry.evaluation(options.episodes, exact=options.exact, seed=options.seed),
            options.out,
            entry.family,
            workers=options.workers,
            resume=options.resume,
            threads=entry.threads,
            command=command_line("plan", arguments),
            report=report,
        )
    STDERR.print(success_table(read_rows(options.out), read_meta(options.out)))
    return {**result, "planner": config_to_json(config)}


def _planner(options: PlanArguments, world: "World") -> "PlannerConfig":
    """The planner that the options describe."""
    from praxia.evaluation.planner_entry import SIMULATOR, PlannerConfig
    from praxia.planning import find_objective
    from praxia.planning.blocks import Blocks

    in_simulator = options.world == SIMULATOR
    objective = find_objective(options.objective or ("reward" if in_simulator else "goal-distance"))()
    if options.goal is not None:
        pairs = [name.partition("=") for name in names_of(options.goal)]
        if wrong := ["".join(pair) for pair in pairs if not (pair[0] and pair[2])]:
            raise PraxiaError(f"expected --goal SEEN=GOAL, such as image.top=image.goal, got {wrong[0]!r}")
        objective = replace(objective, goal={seen: shown for seen, _, shown in pairs})
    elif objective.needs_goal and not in_simulator and len(cameras := world.window.cameras) == 1:
        objective = replace(objective, goal={f"image.{cameras[0]}": "image.goal"})
    default = 5 if in_simulator else world.stride
    steps = default if options.block_steps is None else options.block_steps
    expect_positive(**{"blocks": options.blocks, "block-steps": steps})
    blocks = Blocks(options.blocks, steps, options.repeat, options.shrink)
    # Absolute, because a planner's file takes a relative folder as relative to itself.
    folder = SIMULATOR if in_simulator else str(Path(options.world).resolve())
    return PlannerConfig(folder, objective, _solver(options), blocks)


def _solver(options: PlanArguments) -> "Solver":
    from praxia.planning import find_solver

    solver = find_solver(options.solver)()
    given = {name: getattr(options, name) for name in _OF_SOLVERS if getattr(options, name) is not None}
    if unknown := given.keys() - {one.name for one in fields(solver)}:
        name = min(unknown).replace("_", "-")
        raise PraxiaError(f"solver {options.solver!r} takes no --{name}; leave it out, or choose another --solver")
    return replace(solver, **given)
