"""The axes of generalisation: what a policy trained on one embodiment in known scenes can do elsewhere."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes.tabletop import flow_tabletop, flow_tabletop_language_free
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.training.config import TrainRun

__all__ = ["fine_tuning", "tabletop"]

# Per task of five: with the gantry, and with the held-out arm, five minutes in all.
DEMONSTRATIONS, FEW = 900, 36
EPISODES = {
    "tabletop/train": 40,
    "tabletop/task": 5,
    "tabletop/scene": 5,
    "tabletop/embodiment": 20,
    "tabletop/long": 10,
}


def tabletop(out: Path, *, seed: int, workers: int, scale: float, report: StageProgress) -> dict[str, Any]:
    """Run the study in `out`, or continue an interrupted one.

    Returns {"summary", "report", "passed", "expected", "got"}. `summary`, also in `out/summary.json`, is {seconds,
    train: {task: success}, other_instruction, swapped_image, language_free, task, scene, long, embodiment_zero_shot,
    embodiment_after_five_minutes, expert}: success rates, for task and scene by group. `scale` scales demonstrations,
    training steps and episodes. A smaller study always passes.
    """
    began_s = time.perf_counter()
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("gantry", find_benchmark("tabletop/train"), DEMONSTRATIONS)
    stages.collect("arm7-five-minutes", find_benchmark("tabletop/embodiment"), FEW)
    stages.train("policy", "flow-tabletop", flow_tabletop(), ["gantry"])
    stages.train("language-free", "flow-tabletop-language-free", flow_tabletop_language_free(), ["gantry"])
    stages.train("after-five-minutes", "flow-tabletop", fine_tuning(), ["arm7-five-minutes"], start_from="policy")
    results = _evaluate(stages)
    passed, got = _verdict(results)
    return finish_study(
        out,
        began_s,
        results,
        passed=scale < 1 or passed,
        expected="80% of touch, push and press, 50% of pick and place, 60 points less with another instruction",
        got=got,
    )


def _evaluate(stages: Stages) -> dict[str, Any]:
    def evaluate(name: str, policy: str | None, benchmark: str, **options: Any) -> dict[str, Any]:
        return stages.evaluate(name, policy, benchmark, EPISODES[benchmark], **options)

    found = {axis: evaluate(axis, "policy", f"tabletop/{axis}") for axis in ("train", "task", "scene", "long")}
    controls = {
        control.replace("-", "_"): evaluate(control, "policy", "tabletop/train", control=control)["success"]
        for control in ("other-instruction", "swapped-image")
    }
    language_free = evaluate("language-free", "language-free", "tabletop/train")
    zero_shot = evaluate("embodiment-zero-shot", "policy", "tabletop/embodiment", bind_as="tabletop-gantry")
    adapted = evaluate("embodiment-after-five-minutes", "after-five-minutes", "tabletop/embodiment")
    experts = {axis: evaluate(f"expert-{axis}", None, f"tabletop/{axis}") for axis in ("train", "embodiment", "long")}
    return {
        "train": {task: row["success"] for task, row in found["train"]["per_task"].items()},
        **controls,
        "language_free": language_free["success"],
        **{axis: _by_group(found[axis]) for axis in ("task", "scene")},
        "long": {"success": found["long"]["success"], "progress": found["long"]["progress"]},
        "embodiment_zero_shot": zero_shot["success"],
        "embodiment_after_five_minutes": adapted["success"],
        "expert": {axis: result["success"] for axis, result in experts.items()},
    }


def _verdict(summary: dict[str, Any]) -> tuple[bool, str]:
    """Whether the policy succeeds and follows its instruction, and the rates as text. An unknown rate does not pass."""
    rates = summary["train"]
    if unknown := [task for task, rate in rates.items() if rate is None]:
        return False, f"no success rate of {', '.join(unknown)}: every episode was an error"
    simple = sum(rates[task] for task in ("touch", "push", "press")) / 3
    grasping = sum(rates[task] for task in ("pick", "place")) / 2
    drop = sum(rates.values()) / len(rates) - summary["other_instruction"]
    passed = simple >= 0.8 and grasping >= 0.5 and drop >= 0.6
    return passed, f"{simple:.0%}, {grasping:.0%} and {100 * drop:.0f} points"


def fine_tuning() -> TrainRun:
    """`flow-tabletop` for fine-tuning: a tenth of the steps and a third of the learning rate."""
    run = flow_tabletop()
    return replace(run, train=replace(run.train, steps=run.train.steps // 10, learning_rate=3e-4))


def _by_group(result: dict[str, Any]) -> dict[str, float | None]:
    return {group: row["success"] for group, row in result["per_group"].items()}
