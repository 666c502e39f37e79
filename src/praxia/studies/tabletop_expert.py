"""Whether demonstrations can be had: Tabletop's expert with every embodiment in every task."""

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from praxia.core.files import write_atomic
from praxia.envs import ENVS, find_family
from praxia.envs.tabletop.tasks import TRAINED, UNTRAINED
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.policy_entry import find_policy
from praxia.evaluate.runner import evaluate
from praxia.studies.stages import Report, expect_unfinished
from praxia.studio.report import write_report

__all__ = ["tabletop_expert"]

EPISODES, POOLED, CELL = 100, 0.97, 0.90


def tabletop_expert(out: Path, *, seed: int, workers: int, scale: float, report: Report) -> dict[str, Any]:
    """Run everything in `out`, or go on where an interrupted study stopped.

    Returns {"summary", "report", "passed", "expected", "got"}; `summary`, also in `out/summary.json`, is {seconds,
    pooled, lowest, per_embodiment: {embodiment: {task: success}}}. `scale` shrinks the 100 test starts of each cell.
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
    page = write_report([out], out / "report.html")
    rates = [rate for tasks in per_embodiment.values() for rate in tasks.values()]
    known = [rate for rate in rates if rate is not None]
    lowest, unknown = min(known), len(rates) - len(known)
    pooled = successes / len(per_embodiment)
    seconds = round(time.perf_counter() - began_s, 1)
    summary = {"seconds": seconds, "pooled": pooled, "lowest": lowest, "per_embodiment": per_embodiment}
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or (pooled >= POOLED and lowest >= CELL and not unknown),
        "expected": f"at least {POOLED:.0%} pooled and {CELL:.0%} in every cell",
        "got": f"{pooled:.1%} and {lowest:.0%}" + (f", and {unknown} cells of errors alone" if unknown else ""),
    }
