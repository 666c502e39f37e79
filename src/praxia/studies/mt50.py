"""All fifty tasks of Meta-World by one small policy, from pixels and proprioception, from scratch."""

import json
import time
from pathlib import Path
from typing import Any

from praxia.core.files import write_atomic
from praxia.evaluate.benchmarks import find_benchmark
from praxia.recipes.metaworld import flow_mt50
from praxia.studies.stages import Report, Stages, expect_unfinished
from praxia.studio.report import write_report

__all__ = ["mt50"]

BENCHMARK = "metaworld-mt50/fast"

# As many of each task as the field's public training set has.
DEMONSTRATIONS = 50

EPISODES = 20

# pi0's mean over the four groups of difficulty, as the field's tables give it.
WANTED = 0.48


def mt50(out: Path, *, seed: int, workers: int, scale: float, report: Report) -> dict[str, Any]:
    """Run everything in `out`, or go on where an interrupted study stopped.

    Returns {"summary", "report", "passed", "expected", "got"}. `summary`, also in `out/summary.json`, is {seconds,
    policy, expert, swapped_image, shuffled_instruction}: of each {success, ci95, macro, macro_of_groups, per_group}, as
    `results.summary.summarise` gives them. `scale` shrinks demonstrations, steps and episodes alike; a smaller study
    has no success rate to pass.
    """
    began_s = time.perf_counter()
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("demos", find_benchmark(BENCHMARK), DEMONSTRATIONS)
    stages.train("policy", "flow-mt50", flow_mt50(), ["demos"])
    judged = {
        "policy": stages.evaluate("policy", "policy", BENCHMARK, EPISODES),
        "expert": stages.evaluate("expert", None, BENCHMARK, EPISODES),
        "swapped_image": stages.evaluate("swapped-image", "policy", BENCHMARK, EPISODES, control="swapped-image"),
        "shuffled_instruction": stages.evaluate(
            "shuffled-instruction", "policy", BENCHMARK, EPISODES, control="shuffled-instruction"
        ),
    }
    page = write_report([out], out / "report.html")
    kept = ("success", "ci95", "macro", "macro_of_groups", "per_group")
    rates = {name: {key: result[key] for key in kept} for name, result in judged.items()}
    summary = {"seconds": round(time.perf_counter() - began_s, 1), **rates}
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    got = judged["policy"]["macro_of_groups"]["success"]
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or got >= WANTED,
        "expected": f"{WANTED:.0%} on the mean of the four groups of difficulty (pi0)",
        "got": f"{got:.1%}",
    }
