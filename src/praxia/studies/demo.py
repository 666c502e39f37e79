"""The demo: demonstrations, a policy that sees and one that is blind, their judgement, and a page, in minutes."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from praxia.collect.plan import Collection
from praxia.collect.runner import collect
from praxia.core.errors import PraxiaError
from praxia.core.files import write_whole
from praxia.envs import find_family
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.judged import find_policy
from praxia.evaluate.plan import Evaluation
from praxia.evaluate.runner import evaluate
from praxia.recipes.metaworld import flow_metaworld, flow_metaworld_blind
from praxia.studio.report import report as make_report
from praxia.train.config import TrainRun
from praxia.train.engine import train

__all__ = ["demo"]

BENCHMARK = "metaworld-demo/fast"
DEMONSTRATIONS, EPISODES, PASS = 60, 20, 0.8


# Called with the stage's name, what is done of it, what is planned, and a text for people.
Report = Callable[[str, int, int, str], None]


def demo(out: Path, *, seed: int, workers: int, scale: float, report: Report) -> dict[str, Any]:
    """Run everything in `out`, or go on where an interrupted demo stopped.

    Returns {"summary", "report", "passed", "expected", "got"}; `summary`, also in `out/summary.json`, is {seconds,
    success, per_task, swapped_image, blind}, where `seconds` are those of this call. `scale` shrinks demonstrations,
    steps and episodes alike; a smaller demo shows that everything works, and has no success rate to pass.
    """
    began_s = time.perf_counter()
    if (out / "summary.json").exists():
        raise PraxiaError(f"{out} holds a finished demo; open {out / 'report.html'} or choose another --out")
    stages = Stages(out, seed, workers, scale, report)
    stages.collect()
    stages.train("flow-metaworld", flow_metaworld())
    stages.train("flow-metaworld-blind", flow_metaworld_blind())
    seeing = stages.evaluate("seeing", "flow-metaworld")
    swapped = stages.evaluate("swapped-image", "flow-metaworld", control="swapped-image")
    blind = stages.evaluate("blind", "flow-metaworld-blind")
    stages.evaluate("expert", None)
    page = make_report([out], out / "report.html")
    summary = {
        "seconds": round(time.perf_counter() - began_s, 1),
        "success": seeing["success"],
        "per_task": {task: row["success"] for task, row in seeing["per_task"].items()},
        "swapped_image": swapped["success"],
        "blind": blind["success"],
    }
    write_whole(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    success = seeing["success"] or 0.0  # None where every episode was an error
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or success >= PASS,
        "expected": f"at least {PASS:.0%} success on {BENCHMARK}",
        "got": f"{success:.1%} and {seeing['errors']} errors",
    }


@dataclass(frozen=True)
class Stages:
    """The demo's verbs with what they share. Each goes on where it was interrupted; none runs twice."""

    out: Path
    seed: int
    workers: int
    scale: float
    report: Report

    def collect(self) -> None:
        benchmark = find_benchmark(BENCHMARK)
        episodes = self._scaled(DEMONSTRATIONS)
        family = find_family(benchmark.env)
        collection = Collection(
            benchmark.env,
            benchmark.tasks,
            episodes,
            family.horizon,
            seed=self.seed,
            profile=benchmark.profile,
            size=benchmark.size,
            blunder_every=family.blunder_every,
        )
        collect(
            collection, self._data, family, workers=self.workers, resume=True, report=partial(self.report, "collect")
        )

    def train(self, recipe: str, run: TrainRun) -> None:
        options = replace(run.train, steps=self._scaled(run.train.steps), seed=self.seed)

        def report(step: int, metrics: dict[str, float | int]) -> None:
            self.report(recipe, step, options.steps, f"loss {metrics['loss']:.3f}, {metrics['samples_per_s']:.0f}/s")

        command = f"praxia train {recipe} --data data --out {recipe} --train.steps {options.steps}"
        folder = self.out / recipe
        if not (folder / "policy").exists():
            train(
                replace(run, train=options),
                self._data,
                folder,
                recipe=recipe,
                command=f"{command} --train.seed {self.seed}",
                resume=True,
                report=report,
            )

    def evaluate(self, name: str, policy: str | None, control: str | None = None) -> dict[str, Any]:
        """Judge the policy of a recipe, or the expert, and return the summary."""
        benchmark, episodes = find_benchmark(BENCHMARK), self._scaled(EPISODES)
        who = "expert" if policy is None else str(self.out / policy)
        judged, digest, threads = find_policy(who, benchmark, exact=False, workers=self.workers)
        command = f"praxia eval {policy or 'expert'} --benchmark {BENCHMARK} --episodes {episodes}"
        return evaluate(
            judged,
            Evaluation(benchmark, digest, episodes, control, seed=self.seed),
            self.out / f"{name}.jsonl",
            find_family(benchmark.env),
            workers=self.workers,
            resume=True,
            threads=threads,
            command=command + (f" --control {control}" if control else "") + f" --out {name}.jsonl",
            report=partial(self.report, name),
        )

    @property
    def _data(self) -> Path:
        return self.out / "data"

    def _scaled(self, number: int) -> int:
        return max(1, round(number * self.scale))
