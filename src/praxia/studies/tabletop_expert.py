"""The success of Tabletop's expert, which records the demonstrations, with every embodiment in every task."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from praxia.envs import ENVS, find_family
from praxia.envs.tabletop.tasks import TRAINED, UNTRAINED
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate
from praxia.studies.stages import StageProgress, expect_unfinished, finish_study

__all__ = ["tabletop_expert"]

EPISODES, POOLED, CELL = 100, 0.97, 0.90


def tabletop_expert(out: Path, *, seed: int, workers: int, scale: float, report: StageProgress) -> dict[str, Any]:
    """Run the study in `out`, or continue an interrupted one.

    Returns {"summary", "report", "passed", "expected", "got"}. `summary`, also in `out/summary.json`, is {seconds,
    pooled, lowest, per_embodiment: {embodiment: {task: success}}}. `scale` scales the 100 test starts per cell.
    """
    began_s = time.perf_counter()
    expect_unfinished(out)
    per_embodiment: dict[str, dict[str, float | None]] = {}
    successes = 0.0
    for embodiment in (name for name in ENVS if name.startswith("tabletop-")):
        benchmark = replace(
            find_benchmark("tabletop/train"),
            name=f"experts/{embodiment}",
            env=embodiment,
            tasks=(*TRAINED, *UNTRAINED),
            axis="",
        )
        expert = find_policy("expert", benchmark, exact=False, workers=workers)
        result = evaluate(
            expert.policy,
            expert.evaluation(max(1, round(EPISODES * scale)), seed=seed),
            out / f"{embodiment}.jsonl",
            find_family(embodiment),
            workers=workers,
            resume=True,
            threads=expert.threads,
            command=f"praxia study tabletop-expert --seed {seed} --scale {scale:g} --out {out.name}",
            report=partial(report, embodiment),
        )
        per_embodiment[embodiment] = {task: row["success"] for task, row in result["per_task"].items()}
        successes += result["success"]
    rates = [rate for tasks in per_embodiment.values() for rate in tasks.values()]
    known = [rate for rate in rates if rate is not None]
    lowest, unknown = min(known), len(rates) - len(known)
    pooled = successes / len(per_embodiment)
    return finish_study(
        out,
        began_s,
        {"pooled": pooled, "lowest": lowest, "per_embodiment": per_embodiment},
        passed=scale < 1 or (pooled >= POOLED and lowest >= CELL and not unknown),
        expected=f"at least {POOLED:.0%} pooled and {CELL:.0%} in every cell",
        got=f"{pooled:.1%} and {lowest:.0%}" + (f", and {unknown} cells of errors alone" if unknown else ""),
    )
