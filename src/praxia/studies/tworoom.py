"""The part "tworoom" of the study of worlds: what worlds of TwoRoom know, and who reaches goals 25 steps away."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from praxia.checkpoint.store import load_world, read_config
from praxia.core.config import config_to_json
from praxia.core.files import write_atomic
from praxia.core.types import Policy, Query
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.evaluation.planner_entry import PlannerConfig
from praxia.evaluation.policy_entry import find_policy
from praxia.nn.trainable import BuildsOn
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.objectives import GoalPath
from praxia.recipes.tworoom import goal_inverse_tworoom, regression_tworoom, regression_tworoom_goal_free
from praxia.recipes.worlds import lewm_tworoom
from praxia.studies.stages import Stages
from praxia.studies.timing import median_cpu_s
from praxia.studies.world_measurements import measure_world
from praxia.studio.tables import percent
from praxia.training.config import TrainRun

__all__ = ["EXPECTED", "planning_table", "tworoom", "tworoom_passes", "world_table"]

Row = dict[str, Any]

# Episodes to train on and to measure on, from other starts.
EPISODES, TEST_EPISODES, TEST_SEED = 400, 60, 1_000_000

# What latents have to tell of the position, and the error of five imagined blocks beside that nothing changes; and the
# standard deviation below which they have collapsed, where SIGReg asks for 1.
PROBE_R2, OPEN_LOOP, COLLAPSED = 0.99, 0.02, 0.1

# Goals for each of the two tasks and each training seed: three seeds have some 100 for planners, 300 for the others.
PLANNED_GOALS, GOALS = 17, 50

# The share of goals that a planner has to reach, and inverse dynamics, and in how many milliseconds a decision.
PLANNED, AMORTISED, AMORTISED_MS = 0.7, 0.95, 5.0

# The world of each kind of data, in which agents plan.
WORLDS = {"expert": "lewm", "random": "random-data"}

# Chosen in trials on the benchmark's own starts. The rows are of others.
SOLVER = CEM(samples=300, iterations=10, elites=30, std=1.0, returns="best")
OBJECTIVE = GoalPath(goal={"image.top": "image.goal"})
BLOCKS = Blocks(count=5, steps=5, repeat=True)

EXPECTED = (
    f"a linear probe of the position with R^2 of {PROBE_R2} and an error after 5 blocks of {OPEN_LOOP:.0%} of the"
    f" baseline, collapse without SIGReg; of the goals {PLANNED:.0%} reached by CEM and {AMORTISED:.0%} by inverse"
    f" dynamics, in at most {AMORTISED_MS:g} ms a decision"
)


@dataclass(frozen=True)
class Agent:
    """Who acts: a row's name, what it was trained on, and the names of its results and of its policy.

    `goals` are those for each task, and `timed` the decisions whose time is taken.
    """

    name: str
    data: str | None
    results: str
    policy: str
    goals: int = GOALS
    timed: int = 15


def tworoom(stages: Stages, data_seed: int) -> list[Row]:
    """The rows of one training seed: of worlds on expert data, without SIGReg and on random data; then of agents."""
    _collect(stages, data_seed)
    run = lewm_tworoom()
    shorter = replace(run.train, steps=run.train.steps // 10)
    without = replace(run, model=replace(run.model, sigreg_weight=0.0), train=shorter)
    models = {"lewm": ("expert", run), "without SIGReg": ("expert", without), "random data": ("random", run)}
    worlds = [_world(stages, name, data, one) for name, (data, one) in models.items()]
    return [*worlds, *(_reached(stages, agent) for agent in _agents(stages))]


def _collect(stages: Stages, data_seed: int) -> None:
    """Data to train on, the same for all training seeds, and other episodes to measure on."""
    arena = replace(find_benchmark("tworoom"), tasks=("any",), cameras=("top",))
    collecting = replace(stages, seed=data_seed)
    collecting.collect("expert", arena, EPISODES)
    collecting.collect("random", arena, EPISODES // 4, policy="random")  # its episodes are three times as long
    replace(stages, seed=data_seed + TEST_SEED).collect("test", arena, TEST_EPISODES)


def _world(stages: Stages, model: str, data: str, run: TrainRun) -> Row:
    folder = f"{model.replace(' ', '-').lower()}-{stages.seed}"
    stages.train(folder, "lewm-tworoom", run, [data])
    world, _ = load_world(stages.out / folder)
    measured = measure_world(world, Dataset(stages.out / "expert"), Dataset(stages.out / "test"), "robot")
    return {"model": model, "data": data, **measured, "steps": stages.scaled(run.train.steps)}


def _agents(stages: Stages) -> list[Agent]:
    """Those to evaluate, trained: chance, standing still, cloning, and plans and inverse dynamics in both worlds."""
    seed = stages.seed
    stages.train(f"goal-free-{seed}", "regression-tworoom-goal-free", regression_tworoom_goal_free(), ["expert"])
    stages.train(f"cloned-{seed}", "regression-tworoom", regression_tworoom(), ["expert"])
    for data, world in WORLDS.items():
        planner = PlannerConfig(f"{world}-{seed}", OBJECTIVE, SOLVER, BLOCKS)
        write_atomic(stages.out / f"planner-{data}-{seed}.json", json.dumps(config_to_json(planner), indent=1) + "\n")
        inverse = goal_inverse_tworoom()
        assert isinstance(inverse.model, BuildsOn)
        inverse = replace(inverse, model=inverse.model.built_on(read_config(stages.out / f"{world}-{seed}")[0].model))
        stages.train(f"inverse-{data}-{seed}", "goal-inverse-tworoom", inverse, [data], start_from=f"{world}-{seed}")
    return [
        Agent("random actions", None, f"reach-random-{seed}", "random"),
        Agent("standing still", None, f"reach-still-{seed}", "zero"),
        Agent("behaviour cloning, no goal", "expert", f"reach-goal-free-{seed}", f"goal-free-{seed}"),
        Agent("behaviour cloning to goals", "expert", f"reach-cloned-{seed}", f"cloned-{seed}"),
        *(
            Agent("CEM", data, f"reach-planner-{data}-{seed}", f"planner-{data}-{seed}.json", PLANNED_GOALS, timed=3)
            for data in WORLDS
        ),
        *(Agent("inverse dynamics", data, f"reach-inverse-{data}-{seed}", f"inverse-{data}-{seed}") for data in WORLDS),
    ]


def _reached(stages: Stages, agent: Agent) -> Row:
    """How often an agent reaches goals from starts on which nothing was chosen, other ones for each training seed."""
    benchmark = find_benchmark(f"tworoom/starts-fresh-{stages.seed}")
    found = stages.evaluate(agent.results, agent.policy, benchmark.name, agent.goals)
    policy = agent.policy if agent.data is None else str(stages.out / agent.policy)
    opened = find_policy(policy, benchmark, exact=True).policy
    return {
        "agent": agent.name,
        "data": agent.data,
        "goals": found["episodes"],
        "success": found["success"],
        "ci95": found["ci95"],
        "per_task": {task: rate["success"] for task, rate in found["per_task"].items()},
        "decision_ms": 1e3 * median_cpu_s(_decision(opened, benchmark), agent.timed),
    }


def _decision(policy: Policy, benchmark: Benchmark) -> Callable[[], object]:
    """A call that makes a decision at the benchmark's first start."""
    family, task = find_family(benchmark.env), benchmark.tasks[0]
    start = family.draw_start(task, benchmark.split, 0)
    with closing(family.build(benchmark.spec(task))) as env:
        env.reset(start)
        query = Query((env.observe(policy.window.observed),), start.key, 0, 0)
    return lambda: policy.act([query], policy.start(1))


def tworoom_passes(rows: Sequence[Row]) -> bool:
    """Whether the bars hold in the rows of all training seeds; shares of goals are those of all seeds together."""
    trained = [row for row in rows if row.get("model") == "lewm"]
    collapsed = [row for row in rows if row.get("model") == "without SIGReg"]
    known = all(
        row["probe_r2"] >= PROBE_R2 and row["open_loop"][-1] is not None and row["open_loop"][-1] <= OPEN_LOOP
        for row in trained
    )
    inverse = [row for row in rows if row.get("agent") == "inverse dynamics"]
    reached = _share(rows, "CEM") >= PLANNED and _share(rows, "inverse dynamics") >= AMORTISED
    at_once = all(row["decision_ms"] <= AMORTISED_MS for row in inverse)
    return known and all(row["latent_std"] < COLLAPSED for row in collapsed) and reached and at_once


def _share(rows: Sequence[Row], agent: str) -> float:
    """The share of goals that an agent trained on expert data reached; 0 where it has none."""
    mine = [row for row in rows if row.get("agent") == agent and row["data"] == "expert" and row["success"] is not None]
    goals = sum(row["goals"] for row in mine)
    return sum(row["success"] * row["goals"] for row in mine) / goals if goals else 0.0


def world_table(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows of worlds as texts for the report."""
    return {
        "title": "Worlds on TwoRoom",
        "note": "The probe is a linear map from a latent to the position. Errors are those of imagined latents, as a"
        " share of the error of the baseline that nothing changes. A block is five control steps. The effective rank is"
        " in how many directions latents differ.",
        "columns": [
            *("model", "data", "seed", "steps", "probe R²", "error, 1 block", "error, 5 blocks", "latent std"),
            "effective rank",
        ],
        "rows": [
            [
                row["model"],
                row["data"],
                str(row["seed"]),
                str(row["steps"]),
                f"{row['probe_r2']:.4f}",
                *("–" if value is None else f"{value:.2%}" for value in (row["open_loop"][0], row["open_loop"][-1])),
                f"{row['latent_std']:.3f}",
                f"{row['effective_rank']:.1f}",
            ]
            for row in rows
            if "model" in row
        ],
    }


def planning_table(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows of agents as texts for the report."""
    tasks = find_benchmark("tworoom").tasks
    return {
        "title": "Goals 25 steps away in TwoRoom",
        "note": "Success from starts on which nothing was chosen. Standing still succeeds where the goal is reached at"
        " the start. A decision is of ten control steps; its time is processor time on one thread.",
        "columns": ["agent", "data", "seed", "goals", "success", "95% interval", *tasks, "a decision, ms"],
        "rows": [
            [
                row["agent"],
                row["data"] or "–",
                str(row["seed"]),
                str(row["goals"]),
                percent(row["success"]),
                " / ".join(map(percent, row["ci95"])) if row["ci95"] else "–",
                *(percent(row["per_task"][task]) for task in tasks),
                f"{row['decision_ms']:.2f}",
            ]
            for row in rows
            if "agent" in row
        ],
    }
