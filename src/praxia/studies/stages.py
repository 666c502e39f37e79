"""The verbs as the stages of a study: each goes on where it was interrupted, and none runs twice."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from praxia.checkpoint.store import read_config
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.evaluate.benchmarks import Benchmark, find_benchmark
from praxia.evaluate.policy_entry import find_policy
from praxia.evaluate.runner import evaluate
from praxia.train.config import TrainRun
from praxia.train.engine import train

__all__ = ["Report", "Stages", "expect_unfinished"]

# Called with the stage's name, what is done of it, what is planned, and a text for people.
Report = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Stages:
    """A study's folder and what its verbs share. `scale` shrinks demonstrations, steps and episodes alike."""

    out: Path
    seed: int
    workers: int
    scale: float
    report: Report

    def collect(self, name: str, benchmark: Benchmark, episodes: int) -> None:
        """`episodes` demonstrations of each of the benchmark's tasks, in the folder `name`."""
        family = find_family(benchmark.env)
        collection = CollectionPlan(
            benchmark.env,
            benchmark.tasks,
            self._scaled(episodes),
            max(map(family.horizon, benchmark.tasks)),
            seed=self.seed,
            profile=benchmark.profile,
            size=benchmark.size,
            failure_every=family.failure_every,
            cameras=benchmark.cameras,
        )
        say = partial(self.report, f"collect {name}")
        collect(collection, self.out / name, family, workers=self.workers, resume=True, report=say)

    def train(
        self, name: str, recipe: str, run: TrainRun, data: Sequence[str], *, start_from: str | None = None
    ) -> None:
        """The recipe on the data sets of those names, in the folder `name`; or another run's policy, fine-tuned."""
        options = replace(run.train, steps=self._scaled(run.train.steps), seed=self.seed)
        run, origin = replace(run, train=options), self.out / start_from if start_from else None
        if (self.out / name / "policy").exists():
            _expect_trained(self.out / name, run, [self.out / one for one in data], origin)
            return

        def say(step: int, metrics: dict[str, float | int]) -> None:
            self.report(
                f"train {name}", step, options.steps, f"loss {metrics['loss']:.3f}, {metrics['samples_per_s']:.0f}/s"
            )

        command = f"praxia train {recipe} --data {','.join(data)} --out {name} --train.steps {options.steps}"
        command += f" --train.learning-rate {options.learning_rate:g}"
        train(
            run,
            [self.out / one for one in data],
            self.out / name,
            recipe=recipe,
            command=f"{command} --train.seed {self.seed}" + (f" --start-from {start_from}" if start_from else ""),
            start_from=origin,
            resume=True,
            report=say,
        )

    def evaluate(
        self,
        name: str,
        policy: str | None,
        benchmark_name: str,
        episodes: int,
        *,
        control: str | None = None,
        bind_as: str | None = None,
    ) -> dict[str, Any]:
        """Judge the policy in the folder `policy`, or the expert (None), and return the summary."""
        benchmark, episodes = find_benchmark(benchmark_name), self._scaled(episodes)
        who = "expert" if policy is None else str(self.out / policy)
        entry = find_policy(who, benchmark, exact=False, workers=self.workers, bind_as=bind_as)
        words = [f"praxia eval {policy or 'expert'} --benchmark {benchmark_name} --episodes {episodes}"]
        words += [f"--control {control}"] if control else []
        words += [f"--as {bind_as}"] if bind_as else []
        words += [f"--seed {self.seed}"]
        return evaluate(
            entry.policy,
            entry.evaluation(episodes, control=control, seed=self.seed),
            self.out / f"{name}.jsonl",
            find_family(benchmark.env),
            workers=self.workers,
            resume=True,
            threads=entry.threads,
            command=" ".join([*words, f"--out {name}.jsonl"]),
            report=partial(self.report, f"judge {name}"),
        )

    def _scaled(self, number: int) -> int:
        return max(1, round(number * self.scale))


def _expect_trained(out: Path, run: TrainRun, data: Sequence[Path], origin: Path | None) -> None:
    """Raises PraxiaError where the policy in a stage's folder is of another run, data set or initial policy."""
    before = json.loads((out / "run.json").read_text())
    known = {
        "config": json.loads(json.dumps(config_to_json(run))),
        "data": [Dataset(one).content_sha256 for one in data],
        "start_from": origin and read_config(origin)[1].policy_sha256,
    }
    found = {
        "config": before["config"],
        "data": [one["content_sha256"] for one in before["data"]],
        "start_from": (before["start_from"] or {}).get("policy_sha256"),
    }
    if different := [name for name in known if known[name] != found[name]]:
        raise PraxiaError(
            f"{out} was trained with another {' and '.join(different)} ({before['command']!r}): give the --scale and"
            " --seed that the study was begun with, or choose another --out"
        )


def expect_unfinished(out: Path) -> None:
    """Raises PraxiaError where a study has ended already."""
    if (out / "summary.json").exists():
        raise PraxiaError(f"{out} holds a finished study; open {out / 'report.html'} or choose another --out")
