"""All fifty tasks of Meta-World by one small policy, trained from scratch on pixels and proprioception."""

import time
from pathlib import Path
from typing import Any

from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes.metaworld import flow_mt50
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study

__all__ = ["mt50"]

BENCHMARK = "metaworld-mt50/fast"

# Per task, as in the public training set of the field.
DEMONSTRATIONS = 50

EPISODES = 20

# The published mean of pi0 over the four groups of difficulty.
WANTED = 0.48


def mt50(out: Path, *, seed: int, workers: int, scale: float, report: StageProgress) -> dict[str, Any]:
    """Run the study in `out`, or continue an interrupted one.

    Returns {"summary", "report", "passed", "expected", "got"}. `summary`, also in `out/summary.json`, is {seconds,
    policy, expert, swapped_image, shuffled_instruction}, each with {success, ci95, macro, macro_of_groups, per_group}
    as in `results.summary.summarise`. `scale` scales demonstrations, training steps and episodes. A smaller study
    always passes.
    """
    began_s = time.perf_counter()
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("demos", find_benchmark(BENCHMARK), DEMONSTRATIONS)
    stages.train("policy", "flow-mt50", flow_mt50(), ["demos"])
    results = {
        "policy": stages.evaluate("policy", "policy", BENCHMARK, EPISODES),
        "expert": stages.evaluate("expert", None, BENCHMARK, EPISODES),
        "swapped_image": stages.evaluate("swapped-image", "policy", BENCHMARK, EPISODES, control="swapped-image"),
        "shuffled_instruction": stages.evaluate(
            "shuffled-instruction", "policy", BENCHMARK, EPISODES, control="shuffled-instruction"
        ),
    }
    kept = ("success", "ci95", "macro", "macro_of_groups", "per_group")
    got = results["policy"]["macro_of_groups"]["success"]
    return finish_study(
        out,
        began_s,
        {name: {key: result[key] for key in kept} for name, result in results.items()},
        passed=scale < 1 or got >= WANTED,
        expected=f"{WANTED:.0%} on the mean of the four groups of difficulty (pi0)",
        got=f"{got:.1%}",
    )
