"""Models of the world on small arenas: what they know, and what they are good for. One part per claim."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.checkpoint.store import load_world
from praxia.core.errors import UnknownName
from praxia.core.files import write_atomic
from praxia.data.dataset import Dataset
from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes.worlds import lewm_tworoom
from praxia.studies.joint import EXPECTED as EXPECTED_JOINT
from praxia.studies.joint import joint, joint_passes, joint_table
from praxia.studies.planning_cost import CANDIDATES, TOKENS, cost_table, planning_cost
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.studies.world_idm import IDM_BAR, idm_passes, idm_table, inverse_dynamics
from praxia.studies.world_measurements import measure_world
from praxia.studies.world_ranking import EXPECTED, ranking, ranking_passes, ranking_table
from praxia.training.config import TrainRun

__all__ = ["PARTS", "worlds"]

Row = dict[str, Any]

# Episodes to train on and to measure on, from other starts.
EPISODES, TEST_EPISODES, TEST_SEED = 400, 60, 1_000_000

# What latents have to tell of the position, and the error of five imagined blocks beside that nothing changes; and the
# standard deviation below which they have collapsed, where SIGReg asks for 1.
PROBE_R2, OPEN_LOOP, COLLAPSED = 0.99, 0.02, 0.1


@dataclass(frozen=True)
class Part:
    """`measure` makes the rows of one training seed; `passes` says of all rows whether the claim holds."""

    measure: Callable[[Stages, int], list[Row]]
    passes: Callable[[Sequence[Row]], bool]
    expected: str


def worlds(
    out: Path,
    *,
    seed: int,
    workers: int,
    scale: float,
    report: StageProgress,
    parts: str | None = None,
    seeds: int = 1,
) -> dict[str, Any]:
    """Run the named parts, separated by commas (None: all), or continue an interrupted study.

    Returns {"summary", "report", "rows", "passed", "expected", "got"}; `passed` is {part: whether its claim holds}.
    Rows of "tworoom" are {part, seed, model, data, probe_r2, open_loop, latent_std, steps}: a world on expert data,
    without SIGReg in a tenth of the steps, and on random data, all measured on other episodes of the expert. Those of
    "cost" are of `planning_cost`, those of "idm" of `world_idm.inverse_dynamics`, those of "joint" of `joint.joint`,
    and those of "ranking" of `world_ranking.ranking`.

    Raises:
        UnknownName: there is no such part.
    """
    began_s, names = time.perf_counter(), [*PARTS] if parts is None else parts.split(",")
    for name in names:
        if name not in PARTS:
            raise UnknownName("part", name, PARTS, "praxia study worlds --help")
    expect_unfinished(out)
    rows: list[Row] = []
    for number in range(seed, seed + seeds):
        stages = Stages(out, number, workers, scale, report)
        rows += [{"part": name, "seed": number, **row} for name in names for row in PARTS[name].measure(stages, seed)]
    passed = {name: PARTS[name].passes([row for row in rows if row["part"] == name]) for name in names}
    tables = {"tworoom": _table, "cost": cost_table, "idm": idm_table, "joint": joint_table, "ranking": ranking_table}
    for name, table in tables.items():
        if found := [row for row in rows if row["part"] == name]:
            (out / name).mkdir(exist_ok=True)
            write_atomic(out / name / "table.json", json.dumps(table(found), indent=1) + "\n")
    expected = "; ".join(PARTS[name].expected for name in names)
    got = ", ".join(f"{name}: {'yes' if ok else 'no'}" for name, ok in passed.items())
    result = {"rows": rows, "passed": passed}
    study = finish_study(out, began_s, result, passed=all(passed.values()), expected=expected, got=got)
    return {**study, **result}


def _tworoom(stages: Stages, data_seed: int) -> list[Row]:
    """One world on expert data, one without SIGReg, and one on random data, of one training seed."""
    arena = replace(find_benchmark("tworoom"), tasks=("any",), cameras=("top",))
    collecting = replace(stages, seed=data_seed)
    collecting.collect("expert", arena, EPISODES)
    collecting.collect("random", arena, EPISODES // 4, policy="random")  # its episodes are three times as long
    replace(stages, seed=data_seed + TEST_SEED).collect("test", arena, TEST_EPISODES)
    run = lewm_tworoom()
    shorter = replace(run.train, steps=run.train.steps // 10)
    without = replace(run, model=replace(run.model, sigreg_weight=0.0), train=shorter)
    models = {"lewm": ("expert", run), "without SIGReg": ("expert", without), "random data": ("random", run)}
    return [_trained(stages, name, data, one) for name, (data, one) in models.items()]


def _trained(stages: Stages, model: str, data: str, run: TrainRun) -> Row:
    folder = f"{model.replace(' ', '-').lower()}-{stages.seed}"
    stages.train(folder, "lewm-tworoom", run, [data])
    world, _ = load_world(stages.out / folder)
    measured = measure_world(world, Dataset(stages.out / "expert"), Dataset(stages.out / "test"), "robot")
    return {"model": model, "data": data, **measured, "steps": stages.scaled(run.train.steps)}


def _tworoom_passes(rows: Sequence[Row]) -> bool:
    trained = [row for row in rows if row["model"] == "lewm"]
    collapsed = [row for row in rows if row["model"] == "without SIGReg"]
    known = all(
        row["probe_r2"] >= PROBE_R2 and row["open_loop"][-1] is not None and row["open_loop"][-1] <= OPEN_LOOP
        for row in trained
    )
    return known and all(row["latent_std"] < COLLAPSED for row in collapsed)


def _cost(stages: Stages, data_seed: int) -> list[Row]:
    """What planning costs by the number of tokens of a frame: the same for every seed but for the machine's load."""
    return planning_cost(candidates=max(10, round(CANDIDATES * stages.scale)))


def _cost_passes(rows: Sequence[Row]) -> bool:
    return {row["tokens"] for row in rows} == set(TOKENS)


PARTS: Mapping[str, Part] = {
    "cost": Part(_cost, _cost_passes, f"planning cost at {', '.join(map(str, TOKENS))} tokens"),
    "idm": Part(inverse_dynamics, idm_passes, IDM_BAR),
    "tworoom": Part(
        _tworoom,
        _tworoom_passes,
        f"a linear probe of the position with R^2 of {PROBE_R2} and an error after 5 blocks of {OPEN_LOOP:.0%} of the"
        " baseline; and collapse without SIGReg",
    ),
    "joint": Part(joint, joint_passes, EXPECTED_JOINT),
    "ranking": Part(ranking, ranking_passes, EXPECTED),
}


def _table(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows as texts for the report."""
    columns = ["model", "data", "seed", "steps", "probe R²", "error, 1 block", "error, 5 blocks", "latent std"]
    return {
        "title": "Worlds on TwoRoom",
        "note": "The probe is a linear map from a latent to the position. Errors are those of imagined latents, as a"
        " share of the error of the baseline that nothing changes. A block is five control steps.",
        "columns": columns,
        "rows": [
            [
                row["model"],
                row["data"],
                str(row["seed"]),
                str(row["steps"]),
                f"{row['probe_r2']:.4f}",
                *("–" if value is None else f"{value:.2%}" for value in (row["open_loop"][0], row["open_loop"][-1])),
                f"{row['latent_std']:.3f}",
            ]
            for row in rows
        ],
    }
