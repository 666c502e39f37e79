"""A planner as an entry of an evaluation: a JSON file, or a value, that says in which world it plans, for what and how.

    {"type": "planner", "world": "runs/world", "solver": {"type": "cem"}, "blocks": {"type": "blocks", "count": 5},
     "objective": {"type": "goal-distance", "goal": {"image.top": "image.goal"}}}

What is left out of an objective, a solver or the blocks has its default.
"""

import hashlib
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from praxia.checkpoint.store import load_world
from praxia.core.config import Config, config_from_json, config_to_json
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.keys import canonical_json
from praxia.core.registry import names
from praxia.core.simulator import expect_simulator
from praxia.envs import find_family
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.policy_entry import PolicyEntry, limit_torch
from praxia.nn.device import find_device
from praxia.nn.world import World
from praxia.planning import OBJECTIVES, find_objective, find_solver
from praxia.planning.blocks import Blocks
from praxia.planning.objectives import Objective
from praxia.planning.planner import Planner
from praxia.planning.solver import Solver
from praxia.results.fingerprint import source_sha256
from praxia.worlds.simulator import SimulatorWorld

__all__ = ["SIMULATOR", "OpenWorld", "PlannerConfig", "open_world", "planner_entry", "read_planner"]

# The name of the world that is the benchmark's own simulator.
SIMULATOR = "simulator"


@dataclass(frozen=True)
class PlannerConfig(Config):
    """A planner as a value. `world` is the folder of a world, or "simulator": the environment itself."""

    tag: ClassVar[str] = "planner"
    world: str
    objective: Objective
    solver: Solver
    blocks: Blocks = field(default_factory=Blocks)


def read_planner(path: Path) -> PlannerConfig:
    """The planner that a JSON file describes; its world's folder is relative to the file.

    Raises:
        DataError: it is not JSON, or lacks or has too much. UnknownName: no such solver or objective.
    """
    try:
        value = json.loads(path.read_text())
        config = _planner_of(config_from_json(value, _find))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, PraxiaError):
            raise
        raise DataError(
            f'{path} describes no planner ({error}); `praxia plan --json` prints one as its "planner"'
        ) from error
    return config if config.world == SIMULATOR else replace(config, world=str(path.parent / config.world))


def _planner_of(config: Config) -> PlannerConfig:
    """The config as a planner, whose parts are of their kinds: JSON says what is where, not what belongs there.

    Raises:
        TypeError: names what is something else.
    """
    if not isinstance(config, PlannerConfig):
        raise TypeError(f"expected type 'planner', got {config.tag!r}")
    kinds = {"world": (str, "a folder"), "objective": (Objective, "an objective"), "solver": (Solver, "a solver")}
    for name, (kind, what) in {**kinds, "blocks": (Blocks, "blocks")}.items():
        if not isinstance(value := getattr(config, name), kind):
            got = f"type {value.tag!r}" if isinstance(value, Config) else repr(value)
            raise TypeError(f"expected {name} to be {what}, got {got}")
    if unnamed := [one for pair in config.objective.goal.items() for one in pair if not isinstance(one, str)]:
        raise TypeError(f"expected names in goal, got {unnamed[0]!r}")
    for name in ("repeat", "shrink"):
        if not isinstance(value := getattr(config.blocks, name), bool):
            raise TypeError(f"expected {name} to be true or false, got {value!r}")
    return config


def _find(tag: str) -> type[Config]:
    if tag in (own := {one.tag: one for one in (PlannerConfig, Blocks)}):
        return own[tag]
    return find_objective(tag) if tag in names("objectives", OBJECTIVES) else find_solver(tag)


@dataclass(frozen=True)
class OpenWorld:
    """A world that is loaded, what identifies it (a JSON value), and the hash of its weights, if it has any."""

    world: World
    identity: Any
    weights_sha256: str | None
    device: str


def open_world(name: str, benchmark: Benchmark, device: str | None) -> OpenWorld:
    """The world in the folder `name` on `device`, or with "simulator" the benchmark's environments, on the CPU.

    Raises:
        PraxiaError: there is no world at that folder. MismatchError: the environment is no simulator.
    """
    if name != SIMULATOR:
        place = find_device(device)
        world, identity = load_world(Path(name), place)
        return OpenWorld(world, identity.policy_sha256, identity.weights_sha256, place)
    family, specs = find_family(benchmark.env), [benchmark.spec(task) for task in benchmark.tasks]
    envs = {spec.task: expect_simulator(family.build(spec), "a planner") for spec in specs}
    source = source_sha256(Path(sys.modules[type(envs[specs[0].task]).__module__].__file__ or "").parent)
    return OpenWorld(SimulatorWorld(envs), [benchmark.env, source, *(spec.to_json() for spec in specs)], None, "cpu")


def planner_entry(config: PlannerConfig, opened: OpenWorld, benchmark: Benchmark, *, threads: int) -> PolicyEntry:
    """The planner in its `opened` world on a benchmark, with `threads` threads of arithmetic.

    Its identity covers the world with its weights, the objective, the solver and the blocks.

    Raises:
        MismatchError: solver, objective, blocks and world do not fit each other.
    """
    if config.world == SIMULATOR and config.solver.needs_gradient:
        raise MismatchError(
            f"the solver {config.solver.tag!r} needs a differentiable world, which no simulator is; use cem or mppi"
        )
    limit_torch(threads)
    planner = Planner(opened.world, config.objective, config.solver, config.blocks, device=opened.device)
    essence = {**config_to_json(config), "world": opened.identity}
    return PolicyEntry(
        planner,
        benchmark,
        hashlib.sha256(canonical_json(essence).encode()).hexdigest(),
        opened.weights_sha256,
        threads=threads,
        planner=essence,
        reveals=config.world == SIMULATOR,
    )
