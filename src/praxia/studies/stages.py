"""The verbs as stages of a study. An interrupted stage continues, and a finished one is not run again."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from praxia.checkpoint.migration import migrate_run
from praxia.checkpoint.store import read_config
from praxia.collect.plan import DEFAULT_NOISE, CollectionPlan
from praxia.collect.runner import collect
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.core.files import write_atomic
from praxia.core.types import Sampling
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import read_mixture
from praxia.envs import find_family
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.policy_resolver import SCRIPTED
from praxia.evaluation.runner import evaluate
from praxia.studio.report import write_report
from praxia.training.config import TrainRun
from praxia.training.engine import train

__all__ = ["StageProgress", "Stages", "expect_unfinished", "finish_study"]

# Called with the name of a stage, the numbers of finished and planned items, and a text for people.
StageProgress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Stages:
    """The folder of a study and the options of its verbs. `scale` scales demonstrations, training steps and
    episodes.
    """

    out: Path
    seed: int
    workers: int
    scale: float
    report: StageProgress

    def collect(
        self, name: str, benchmark: Benchmark, episodes: int, *, policy: Literal["expert", "random"] = "expert"
    ) -> None:
        """Record `episodes` of the expert, or of chance, per task of the benchmark in the folder `name`."""
        family = find_family(benchmark.env)
        collection = CollectionPlan(
            benchmark.env,
            benchmark.tasks,
            self.scaled(episodes),
            max(map(family.horizon, benchmark.tasks)),
            seed=self.seed,
            profile=benchmark.profile,
            size=benchmark.size,
            noise=DEFAULT_NOISE if policy == "expert" else (0.0,),
            failure_every=family.failure_every if policy == "expert" else None,
            cameras=benchmark.cameras,
            options=benchmark.options,
            sizes=benchmark.sizes,
            policy=policy,
        )
        report = partial(self.report, f"collect {name}")
        collect(collection, self.out / name, family, workers=self.workers, resume=True, report=report)

    def train(
        self,
        name: str,
        recipe: str,
        run: TrainRun,
        data: Sequence[str],
        *,
        video: Sequence[str] = (),
        start_from: str | None = None,
        refit: bool = False,
    ) -> None:
        """Train the recipe on the data sets `data` in the folder `name`, or fine-tune the policy of the run
        `start_from`; with `refit` its normalisers and its action tokenizer are fitted on `data`. Those of `video` are
        read without their actions; `NAME.json` is then the mixture.
        """
        options = replace(run.train, steps=self.scaled(run.train.steps), seed=self.seed)
        run, initial = replace(run, train=options), self.out / start_from if start_from else None
        if (self.out / name / "policy").exists():
            _expect_trained(self.out / name, run, [self.out / one for one in (*data, *video)], initial)
            return
        mixture, named = [self.out / one for one in data], ",".join(data)
        if video:
            parts = [*({"data": one} for one in data), *({"data": one, "actions": False} for one in video)]
            named = f"{name}.json"
            write_atomic(self.out / named, json.dumps({"parts": parts}, indent=1) + "\n")
            mixture = read_mixture(self.out / named)

        def report(step: int, metrics: dict[str, float | int]) -> None:
            self.report(
                f"train {name}", step, options.steps, f"loss {metrics['loss']:.3f}, {metrics['samples_per_s']:.0f}/s"
            )

        command = f"praxia train {recipe} --data {named} --out {name} --train.steps {options.steps}"
        command += f" --train.learning-rate {options.learning_rate:g}"
        train(
            run,
            mixture,
            self.out / name,
            recipe=recipe,
            command=f"{command} --train.seed {self.seed}"
            + (f" --start-from {start_from}" if start_from else "")
            + (" --refit" if refit else ""),
            start_from=initial,
            refit=refit,
            resume=True,
            report=report,
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
        ensemble: float | None = None,
        sampling: Sampling | None = None,
        tasks: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Evaluate the policy in the folder `policy`, or the expert (None), and return the summary.

        `policy` may also be a planner's file, or a policy without weights: "random" or "zero". `tasks` are those of the
        benchmark's that are evaluated; None: all.
        """
        benchmark, episodes, policy = find_benchmark(benchmark_name), self.scaled(episodes), policy or "expert"
        benchmark = benchmark if tasks is None else benchmark.of_tasks(tasks)
        policy_name = policy if policy in SCRIPTED else str(self.out / policy)
        entry = find_policy(
            policy_name, benchmark, exact=False, workers=self.workers, bind_as=bind_as, sampling=sampling
        )
        command = [f"praxia eval {policy} --benchmark {benchmark_name} --episodes {episodes}"]
        command += [f"--tasks {','.join(tasks)}"] if tasks else []
        command += [f"--control {control}"] if control else []
        command += [f"--as {bind_as}"] if bind_as else []
        command += [f"--ensemble {ensemble:g}"] if ensemble is not None else []
        command += [f"--{name} {value}" for name, value in (sampling.to_json() if sampling else {}).items()]
        command += [f"--seed {self.seed}"]
        return evaluate(
            entry.policy,
            entry.evaluation(episodes, control=control, seed=self.seed, ensemble=ensemble),
            self.out / f"{name}.jsonl",
            entry.family,
            workers=self.workers,
            resume=True,
            threads=entry.threads,
            command=" ".join([*command, f"--out {name}.jsonl"]),
            report=partial(self.report, f"evaluate {name}"),
        )

    def scaled(self, number: int) -> int:
        """`number`, scaled; at least 1."""
        return max(1, round(number * self.scale))


def _expect_trained(out: Path, run: TrainRun, data: Sequence[Path], initial: Path | None) -> None:
    """Raise PraxiaError if the policy in the folder of a stage has another config, data set or initial policy."""
    before = migrate_run(json.loads((out / "run.json").read_text()))
    start_from = before["start_from"] or {}
    # Runs of earlier versions identify their initial policy by its weights alone.
    identity = "policy_sha256" if "policy_sha256" in start_from else "weights_sha256"
    known = {
        "config": json.loads(json.dumps(config_to_json(run))),
        "data": [Dataset(one).content_sha256 for one in data],
        "start_from": initial and read_config(initial)[1].to_json()[identity],
    }
    found = {
        "config": before["config"],
        "data": [one["content_sha256"] for one in before["data"]],
        "start_from": start_from.get(identity),
    }
    if different := [name for name in known if known[name] != found[name]]:
        raise PraxiaError(
            f"{out} was trained with another {' and '.join(different)} ({before['command']!r}): use the --scale and"
            " --seed with which the study was begun, or choose another --out"
        )


def expect_unfinished(out: Path) -> None:
    """Raise PraxiaError if the study in `out` is finished."""
    if (out / "summary.json").exists():
        raise PraxiaError(f"{out} holds a finished study; open {out / 'report.html'} or choose another --out")


def finish_study(
    out: Path, began_s: float, results: Mapping[str, Any], *, passed: bool, expected: str, got: str
) -> dict[str, Any]:
    """Write the report and `summary.json` of a finished study, and return `{summary, report, passed, expected, got}`.

    The summary is `{seconds, **results}` with the seconds since `began_s` of `time.perf_counter`.
    """
    page = write_report([out], out / "report.html")
    summary = {"seconds": round(time.perf_counter() - began_s, 1), **results}
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return {"summary": summary, "report": str(page), "passed": passed, "expected": expected, "got": got}
