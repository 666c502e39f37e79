"""A table of all action heads with the same encoder, data, training budget and starts."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.core.errors import UnknownName, expect_positive
from praxia.core.files import write_atomic
from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes import find_recipe
from praxia.studies.head_measurements import measure_head
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.studio.tables import percent
from praxia.training.config import TrainRun

__all__ = ["ARENAS", "heads", "recipe_of"]


@dataclass(frozen=True)
class Arena:
    """A comparison of `heads` on a benchmark, with `demonstrations` and `episodes` per task and training seed.

    The recipe of a head is named after it and the benchmark: `flow-tabletop-heads` on "tabletop/heads". `verdict`
    returns whether a finished table shows what is `expected`, and the result as text.
    """

    benchmark: str
    demonstrations: int
    episodes: int
    heads: tuple[str, ...]
    expected: str
    verdict: Callable[[Mapping[str, Any]], tuple[bool, str]]


def _two_ways(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the heads that can represent two modes do so, and the one that cannot fails."""
    by_head = {row["head"]: row for row in table["rows"]}
    sampling = ("flow", "diffusion-unet", "bins", "fast")
    keep = all(by_head[name]["success"] >= 0.9 and min(by_head[name]["modes"]) >= 0.2 for name in sampling)
    passed = keep and by_head["regression"]["success"] < 0.9
    texts = [f"{name} {by_head[name]['success']:.0%} ({_percents(by_head[name]['modes'])})" for name in sampling]
    return passed, ", ".join([*texts, f"regression {by_head['regression']['success']:.0%}"])


def _near_the_expert(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether flow and diffusion come near the expert that they learned from."""
    by_head = {row["head"]: row for row in table["rows"]}
    near = [by_head[name]["score"] / table["expert"] for name in ("flow", "diffusion")]
    return min(near) >= 0.9, f"{near[0]:.2f} and {near[1]:.2f} of the expert's {table['expert']:.3f}"


def _follows_instructions(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether every head is better than one without the instruction."""
    by_head = {row["head"]: row for row in table["rows"]}
    control = by_head.pop("flow-language-free")
    passed = all(row["ci95"][0] > control["ci95"][1] for row in by_head.values())
    texts = [f"{name} {row['success']:.0%} ({_percents(row['ci95'])})" for name, row in by_head.items()]
    return passed, ", ".join([*texts, f"without instruction {control['success']:.0%} ({_percents(control['ci95'])})"])


ARENAS = {
    "bimodal": Arena(
        benchmark="bimodal",
        demonstrations=200,
        episodes=100,
        heads=(
            "regression",
            "act",
            "oft",
            "flow",
            "dit",
            "diffusion-unet",
            "diffusion-transformer",
            "bins",
            "parallel-bins",
            "fast",
        ),
        expected="90% and 20% on each side by flow, diffusion, bins and FAST, and less by regression",
        verdict=_two_ways,
    ),
    "pusht": Arena(
        benchmark="pusht",
        demonstrations=200,
        episodes=50,
        heads=("regression", "flow", "diffusion"),
        expected="0.9 of the expert's score by flow and by diffusion",
        verdict=_near_the_expert,
    ),
    "tabletop": Arena(
        benchmark="tabletop/heads",
        demonstrations=600,
        episodes=50,
        heads=(
            "regression",
            "act",
            "oft",
            "flow",
            "dit",
            "diffusion-unet",
            "bins",
            "fast",
            # The control: images without the instruction.
            "flow-language-free",
        ),
        expected="every head's interval above that of flow without the instruction",
        verdict=_follows_instructions,
    ),
}


def heads(
    out: Path, *, seed: int, workers: int, scale: float, report: StageProgress, arena: str = "bimodal", seeds: int = 1
) -> dict[str, Any]:
    """Train every head `seeds` times and evaluate all on the same starts, or continue an interrupted study.

    Returns {"summary", "report", "passed", "expected", "got", "arena", "expert", "rows"}. `expert` is the expert's mean
    score. Each row is {head, ...} with the entries of `head_measurements.measure_head`.

    Raises:
        UnknownName: there is no such arena.
        PraxiaError: `seeds` below 1.
    """
    expect_positive(seeds=seeds)
    if arena not in ARENAS:
        raise UnknownName("arena", arena, ARENAS, "praxia study heads --help")
    began_s, setting = time.perf_counter(), ARENAS[arena]
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("data", find_benchmark(setting.benchmark), setting.demonstrations)
    rows = []
    for head in setting.heads:
        recipe, run = recipe_of(setting, head)
        for at in range(seeds):
            replace(stages, seed=seed + at).train(f"{head}-{at}", recipe, run, ["data"])
            stages.evaluate(f"eval-{head}-{at}", f"{head}-{at}", setting.benchmark, setting.episodes)
        rows.append(_measure(stages, head, seeds))
    expert = stages.evaluate("expert", None, setting.benchmark, setting.episodes)["progress"]
    table = {"arena": arena, "expert": expert, "rows": rows}
    write_atomic(out / "table.json", json.dumps(_formatted(table), indent=1) + "\n")
    passed, got = setting.verdict(table)
    study = finish_study(out, began_s, table, passed=scale < 1 or passed, expected=setting.expected, got=got)
    return {**study, **table}


def recipe_of(arena: Arena, head: str) -> tuple[str, TrainRun]:
    """The recipe of a head in an arena: (name, run)."""
    name = f"{head}-{arena.benchmark.replace('/', '-')}"
    return name, find_recipe(name)()


def _measure(stages: Stages, head: str, seeds: int) -> dict[str, Any]:
    runs = [stages.out / f"{head}-{at}" for at in range(seeds)]
    return {
        "head": head,
        **measure_head(runs, [stages.out / f"eval-{run.name}.jsonl" for run in runs], stages.out / "data"),
    }


def _formatted(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as texts for the report."""
    columns = [
        "head",
        "success",
        "95% interval",
        "by task",
        "score",
        "errors",
        "left / right",
        "from one start",
        "committed",
        "ms per chunk",
        "tokens/action",
    ]
    rows = [
        [
            row["head"],
            percent(row["success"]),
            _percents(row["ci95"]) if row["ci95"] else "–",
            ", ".join(f"{task} {percent(success)}" for task, success in row["per_task"].items()),
            "–" if row["score"] is None else f"{row['score']:.3f}",
            f"{row['errors']:,}",
            _percents(row["modes"]) if row["modes"] else "",
            f"{row['minority']:.2f}" if row["minority"] is not None else "",
            f"{row['committed']:.0%}" if row["committed"] is not None else "",
            f"{row['ms_per_chunk']:.1f}",
            f"{row['tokens_per_action']:.2f}" if row["tokens_per_action"] is not None else "",
            f"{row['parameters'] / 1e6:.2f}M",
            f"{row['samples_per_s']:,.0f}",
        ]
        for row in table["rows"]
    ]
    return {
        "title": f"Heads on {table['arena']}",
        "note": "All heads have the same encoder, data, training steps and starts. From one start: the share of the "
        "rarer side among 32 first chunks with different noise, at best 0.5. Milliseconds are for one observation on "
        f"one thread. The expert's score is {table['expert']:.3f}. {_interval_note(table['rows'])}",
        "columns": [*columns, "parameters", "samples/s"],
        "rows": rows,
    }


def _interval_note(rows: Sequence[Mapping[str, Any]]) -> str:
    seeds = min(row["seeds"] for row in rows)
    if seeds > 1:
        return f"Intervals account for the starts and for the {seeds} training seeds."
    return "Intervals account for the starts only: one training seed has no spread between seeds."


def _percents(values: list[float]) -> str:
    return " / ".join(f"{value:.0%}" for value in values)
