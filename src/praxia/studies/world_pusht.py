"""Planning on PushT in a latent world: one row beside the published ones, and how the set-ups differ."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from praxia.checkpoint.store import load_world
from praxia.core.config import config_to_json
from praxia.core.files import write_atomic
from praxia.data.dataset import Dataset
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.planner_entry import PlannerConfig
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.objectives import GoalDistance
from praxia.recipes.worlds import lewm_pusht
from praxia.studies.stages import Stages
from praxia.studies.world_measurements import measure_world

__all__ = ["DIFFERENCES", "PUBLISHED", "pusht", "pusht_table"]

Row = dict[str, Any]

BENCHMARK = "pusht/as-shown"
# Episodes of the expert to train on, and to measure on; episodes of each policy.
EPISODES, TEST_EPISODES, TEST_SEED, GOALS = 200, 20, 1_000_000, 50

SOLVER = CEM(samples=300, iterations=10, elites=30)

# Success rates with goals 25 steps ahead, as published.
PUBLISHED = {"LeWM": 0.96, "DINO-WM": 0.90}
DIFFERENCES = (
    "demonstrations of a scripted expert here, two orders of magnitude fewer than the 18,685 episodes of DINO-WM's"
    " public data",
    "images of 32 px in place of 224; small convolutions in place of a ViT-tiny or DINOv2-S; a latent of 64 numbers",
    "starts and goals are timesteps of this expert's episodes, one of each, at rest, in place of those of their data",
    "CEM with 10 iterations in place of 30, draws clipped to the declared range, a first spread that is a share of it",
    "actions are absolute target positions at 10 Hz, in place of targets relative to the agent",
    "no proprioception: the goal is an image alone, where DINO-WM compares the state of the agent, too",
)

# By policy; the planner is a file.
PLANNER, BASELINES = "LeWM, CEM", {"random": "random actions", "zero": "holds still"}


def pusht(stages: Stages, data_seed: int) -> list[Row]:
    """Rows {model, success, ci95, episodes, steps, probe_r2, open_loop}, the last three of the world alone."""
    arena = replace(find_benchmark("pusht"), size=find_benchmark(BENCHMARK).size)
    replace(stages, seed=data_seed).collect("pusht-expert", arena, EPISODES)
    replace(stages, seed=data_seed + TEST_SEED).collect("pusht-test", arena, TEST_EPISODES)
    folder = stages.out / f"lewm-pusht-{stages.seed}"
    stages.train(folder.name, "lewm-pusht", lewm_pusht(), ["pusht-expert"])
    world, _ = load_world(folder)
    train, test = (Dataset(stages.out / one) for one in ("pusht-expert", "pusht-test"))
    measured = measure_world(world, train, test, "block")
    about = {name: measured[name] for name in ("probe_r2", "open_loop")}
    about["steps"] = stages.scaled(lewm_pusht().train.steps)
    blocks = Blocks(count=5, steps=world.stride)
    planner = PlannerConfig(folder.name, GoalDistance(goal={"image.top": "image.goal"}), SOLVER, blocks)
    name = f"planner-{stages.seed}.json"
    write_atomic(stages.out / name, json.dumps(config_to_json(planner), indent=1) + "\n")
    rows = []
    for policy, model in {name: PLANNER, **BASELINES}.items():
        found = stages.evaluate(f"pusht-{Path(policy).stem}-{stages.seed}", policy, BENCHMARK, GOALS)
        of_world = about if policy == name else {}
        rows.append({"model": model, **{key: found[key] for key in ("success", "ci95", "episodes")}, **of_world})
    return rows


def pusht_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows as texts for the report, the published ones below."""
    measured = [
        [
            row["model"],
            str(row["seed"]),
            f"{row['success']:.1%}",
            "–".join(f"{end:.1%}" for end in row["ci95"]),
            str(row["episodes"]),
            f"{row['probe_r2']:.3f}" if "probe_r2" in row else "–",
        ]
        for row in rows
    ]
    published = [[f"{name}, as published", "–", f"{rate:.0%}", "–", "–", "–"] for name, rate in PUBLISHED.items()]
    return {
        "title": "Planning on PushT, goals 25 steps ahead",
        "note": f"Published rows are not comparable. What differs here: {'; '.join(DIFFERENCES)}.",
        "columns": ["model", "seed", "success", "95% interval", "episodes", "probe R² of the T's position"],
        "rows": measured + published,
    }
