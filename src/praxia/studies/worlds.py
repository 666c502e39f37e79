"""Models of the world on small arenas: what they know, and what they are good for. One part per claim."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from praxia.core.errors import UnknownName
from praxia.core.files import write_atomic
from praxia.studies.joint import EXPECTED as EXPECTED_JOINT
from praxia.studies.joint import joint, joint_passes, joint_table
from praxia.studies.latent_actions import EXPECTED as EXPECTED_CODES
from praxia.studies.latent_actions import codes_pass, latent_actions, latent_actions_table
from praxia.studies.planning_cost import CANDIDATES, cost_table, planning_cost
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.studies.tworoom import EXPECTED as EXPECTED_TWOROOM
from praxia.studies.tworoom import planning_table, tworoom, tworoom_passes, world_table
from praxia.studies.world_idm import IDM_BAR, idm_passes, idm_table, inverse_dynamics
from praxia.studies.world_pusht import pusht, pusht_table
from praxia.studies.world_ranking import EXPECTED, ranking, ranking_passes, ranking_table

__all__ = ["PARTS", "worlds"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """`measure` makes the rows of one training seed; `passes` says of all rows whether the claim holds.

    A part that claims nothing, and only shows numbers, passes None and expects "".
    """

    measure: Callable[[Stages, int], list[Row]]
    passes: Callable[[Sequence[Row]], bool | None]
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

    Returns {"summary", "report", "rows", "passed", "expected", "got"}; `passed` is {part: whether its claim holds},
    without the parts "cost" and "pusht", which claim nothing.
    Rows of "tworoom" are {part, seed, model, data, probe_r2, open_loop, latent_std, effective_rank, steps}: a world on
    expert data, without SIGReg in a tenth of the steps, and on random data, all measured on other episodes of the
    expert; and {part, seed, agent, data, goals, success, ci95, per_task, decision_ms}: who reaches goals 25 steps away.
    Those of "cost" are of `planning_cost`, those of "idm" of `world_idm.inverse_dynamics`, those of "joint" of
    `joint.joint`, those of "latent-actions" of `latent_actions.latent_actions`, those of "ranking" of
    `world_ranking.ranking`, and those of "pusht" of `world_pusht.pusht`.

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
    found = {name: PARTS[name].passes([row for row in rows if row["part"] == name]) for name in names}
    passed = {name: ok for name, ok in found.items() if ok is not None}
    for folder, (name, table) in TABLES.items():
        if shown := [row for row in rows if row["part"] == name]:
            (out / folder).mkdir(exist_ok=True)
            write_atomic(out / folder / "table.json", json.dumps(table(shown), indent=1) + "\n")
    expected = "; ".join(PARTS[name].expected for name in passed)
    got = ", ".join(f"{name}: {'yes' if ok else 'no'}" for name, ok in passed.items())
    result = {"rows": rows, "passed": passed}
    study = finish_study(out, began_s, result, passed=all(passed.values()), expected=expected, got=got)
    return {**study, **result}


def _cost(stages: Stages, data_seed: int) -> list[Row]:
    """What planning costs by the number of tokens of a frame: the same for every seed but for the machine's load."""
    return planning_cost(candidates=max(10, round(CANDIDATES * stages.scale)))


def _claims_nothing(rows: Sequence[Row]) -> None:
    return None


PARTS: Mapping[str, Part] = {
    "cost": Part(_cost, _claims_nothing, ""),
    "idm": Part(inverse_dynamics, idm_passes, IDM_BAR),
    "tworoom": Part(tworoom, tworoom_passes, EXPECTED_TWOROOM),
    "joint": Part(joint, joint_passes, EXPECTED_JOINT),
    "ranking": Part(ranking, ranking_passes, EXPECTED),
    "pusht": Part(pusht, _claims_nothing, ""),
    "latent-actions": Part(latent_actions, codes_pass, EXPECTED_CODES),
}

# Tables of the report: the folder of each, the part whose rows it shows, and what makes it.
TABLES = {
    "tworoom": ("tworoom", world_table),
    "tworoom-planning": ("tworoom", planning_table),
    "cost": ("cost", cost_table),
    "idm": ("idm", idm_table),
    "joint": ("joint", joint_table),
    "latent-actions": ("latent-actions", latent_actions_table),
    "ranking": ("ranking", ranking_table),
    "pusht": ("pusht", pusht_table),
}
