"""The demo: demonstrations, a policy with images and one without, their evaluations, and a report, in minutes."""

import time
from pathlib import Path
from typing import Any

from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes.metaworld import flow_metaworld, flow_metaworld_blind
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study

__all__ = ["demo"]

BENCHMARK = "metaworld-demo/fast"
DEMONSTRATIONS, EPISODES, PASS = 60, 20, 0.8


def demo(out: Path, *, seed: int, workers: int, scale: float, report: StageProgress) -> dict[str, Any]:
    """Run the demo in `out`, or continue an interrupted one.

    Returns {"summary", "report", "passed", "expected", "got"}. `summary`, also in `out/summary.json`, is {seconds,
    success, per_task, swapped_image, blind}, where `seconds` is the duration of this call. `scale` scales
    demonstrations, training steps and episodes. A smaller demo shows that everything works and always passes.
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
    results = {
        "success": seeing["success"],
        "per_task": {task: row["success"] for task, row in seeing["per_task"].items()},
        "swapped_image": swapped["success"],
        "blind": blind["success"],
    }
    return finish_study(
        out,
        began_s,
        results,
        passed=scale < 1 or seeing["success"] >= PASS,
        expected=f"at least {PASS:.0%} success on {BENCHMARK}",
        got=f"{seeing['success']:.1%} and {seeing['errors']} errors",
    )
