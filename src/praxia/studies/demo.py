"""The demo: demonstrations, a policy that sees and one that is blind, their judgement, and a page, in minutes."""

import json
import time
from pathlib import Path
from typing import Any

from praxia.core.files import write_atomic
from praxia.evaluate.benchmarks import find_benchmark
from praxia.recipes.metaworld import flow_metaworld, flow_metaworld_blind
from praxia.studies.stages import Report, Stages, expect_unfinished
from praxia.studio.report import write_report

__all__ = ["demo"]

BENCHMARK = "metaworld-demo/fast"
DEMONSTRATIONS, EPISODES, PASS = 60, 20, 0.8


def demo(out: Path, *, seed: int, workers: int, scale: float, report: Report) -> dict[str, Any]:
    """Run everything in `out`, or go on where an interrupted demo stopped.

    Returns {"summary", "report", "passed", "expected", "got"}; `summary`, also in `out/summary.json`, is {seconds,
    success, per_task, swapped_image, blind}, where `seconds` are those of this call. `scale` shrinks demonstrations,
    steps and episodes alike; a smaller demo shows that everything works, and has no success rate to pass.
    """
    began_s = time.perf_counter()
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("data", find_benchmark(BENCHMARK), DEMONSTRATIONS)
    stages.train("flow-metaworld", "flow-metaworld", flow_metaworld(), ["data"])
    stages.train("flow-metaworld-blind", "flow-metaworld-blind", flow_metaworld_blind(), ["data"])
    seeing = stages.evaluate("seeing", "flow-metaworld", BENCHMARK, EPISODES)
    swapped = stages.evaluate("swapped-image", "flow-metaworld", BENCHMARK, EPISODES, control="swapped-image")
    blind = stages.evaluate("blind", "flow-metaworld-blind", BENCHMARK, EPISODES)
    stages.evaluate("expert", None, BENCHMARK, EPISODES)
    page = write_report([out], out / "report.html")
    summary = {
        "seconds": round(time.perf_counter() - began_s, 1),
        "success": seeing["success"],
        "per_task": {task: row["success"] for task, row in seeing["per_task"].items()},
        "swapped_image": swapped["success"],
        "blind": blind["success"],
    }
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or seeing["success"] >= PASS,
        "expected": f"at least {PASS:.0%} success on {BENCHMARK}",
        "got": f"{seeing['success']:.1%} and {seeing['errors']} errors",
    }
