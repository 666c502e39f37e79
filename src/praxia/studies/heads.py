"""Every action head on the same encoder, data, budget and starts: the table."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.core.errors import UnknownName, expect_positive
from praxia.core.files import write_atomic
from praxia.core.registry import lookup
from praxia.evaluate.benchmarks import find_benchmark
from praxia.recipes import RECIPES
from praxia.studies.measured_head import measure
from praxia.studies.stages import Report, Stages, expect_unfinished
from praxia.studio.report import write_report
from praxia.studio.tables import percent
from praxia.train.config import TrainRun

__all__ = ["ARENAS", "heads", "recipe_of"]


@dataclass(frozen=True)
class Arena:
    """Where `heads` are compared: `demonstrations` to learn from, `episodes` to be judged on, a task, for each seed.

    A head's recipe is named after it and the benchmark: `flow-tabletop-heads` on "tabletop/heads".
    `verdict` says of a finished table whether it shows what the arena is made to show, and in words; `expected` what
    that is.
    """

    benchmark: str
    demonstrations: int
    episodes: int
    heads: tuple[str, ...]
    expected: str
    verdict: Callable[[Mapping[str, Any]], tuple[bool, str]]


def _two_ways(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether heads that can keep two modes do, and the one that cannot fails."""
    by_head = {row["head"]: row for row in table["rows"]}
    sampling = ("flow", "diffusion-unet", "bins", "fast")
    keep = all(by_head[name]["success"] >= 0.9 and min(by_head[name]["modes"]) >= 0.2 for name in sampling)
    passed = keep and by_head["regression"]["success"] < 0.9
    words = [f"{name} {by_head[name]['success']:.0%} ({_percents(by_head[name]['modes'])})" for name in sampling]
    return passed, ", ".join([*words, f"regression {by_head['regression']['success']:.0%}"])


def _near_the_expert(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether flow and diffusion come near to whom they learned from."""
    by_head = {row["head"]: row for row in table["rows"]}
    near = [by_head[name]["score"] / table["expert"] for name in ("flow", "diffusion")]
    return min(near) >= 0.9, f"{near[0]:.2f} and {near[1]:.2f} of the expert's {table['expert']:.3f}"


def _told(table: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether every head does more than one that is never told what to do."""
    by_head = {row["head"]: row for row in table["rows"]}
    untold = by_head.pop("flow-language-free")
    passed = all(row["ci95"][0] > untold["ci95"][1] for row in by_head.values())
    words = [f"{name} {row['success']:.0%} ({_percents(row['ci95'])})" for name, row in by_head.items()]
    return passed, ", ".join([*words, f"without instruction {untold['success']:.0%} ({_percents(untold['ci95'])})"])


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
            # The control: what the images alone give.
            "flow-language-free",
        ),
        expected="every head's interval above that of flow without the instruction",
        verdict=_told,
    ),
}


def heads(
    out: Path, *, seed: int, workers: int, scale: float, report: Report, arena: str = "bimodal", seeds: int = 1
) -> dict[str, Any]:
    """Train every head `seeds` times, judge all on the same starts, and go on where an interrupted study stopped.

    Returns {"summary", "report", "passed", "expected", "got", "arena", "expert", "rows"}. `expert` is its mean score;
    each row is {head, ...} and what `studies.measured_head.measure` says of it.

    Raises:
        UnknownName: the arena.
        PraxiaError: `seeds` below 1.
    """
    expect_positive(seeds=seeds)
    if arena not in ARENAS:
        raise UnknownName("arena", arena, ARENAS, "praxia study heads --help")
    began_s, chosen = time.perf_counter(), ARENAS[arena]
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("data", find_benchmark(chosen.benchmark), chosen.demonstrations)
    rows = []
    for head in chosen.heads:
        recipe, run = recipe_of(chosen, head)
        for at in range(seeds):
            replace(stages, seed=seed + at).train(f"{head}-{at}", recipe, run, ["data"])
            stages.evaluate(f"judged-{head}-{at}", f"{head}-{at}", chosen.benchmark, chosen.episodes)
        rows.append(_measured(stages, head, seeds))
    expert = stages.evaluate("expert", None, chosen.benchmark, chosen.episodes)["progress"]
    table = {"arena": arena, "expert": expert, "rows": rows}
    write_atomic(out / "table.json", json.dumps(_shown(table), indent=1) + "\n")
    page = write_report([out], out / "report.html")
    summary = {"seconds": round(time.perf_counter() - began_s, 1), **table}
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    passed, got = chosen.verdict(table)
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or passed,
        "expected": chosen.expected,
        "got": got,
        **table,
    }


def recipe_of(arena: Arena, head: str) -> tuple[str, TrainRun]:
    """The name of the head's recipe in that arena, and what it is."""
    name = f"{head}-{arena.benchmark.replace('/', '-')}"
    return name, lookup("recipes", RECIPES, name, kind="recipe", listing="praxia recipes")()


def _measured(stages: Stages, head: str, seeds: int) -> dict[str, Any]:
    runs = [stages.out / f"{head}-{at}" for at in range(seeds)]
    return {
        "head": head,
        **measure(runs, [stages.out / f"judged-{run.name}.jsonl" for run in runs], stages.out / "data"),
    }


def _shown(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as the report shows it."""
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
        "ms a chunk",
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
        "note": "The same encoder, data, steps of training and starts for all. From one start: the share of the rarer "
        "way among 32 first chunks with other noise, 0.5 at best. Milliseconds are of one observation on one thread. "
        f"The expert's score is {table['expert']:.3f}. {_interval_note(table['rows'])}",
        "columns": [*columns, "parameters", "samples/s"],
        "rows": rows,
    }


def _interval_note(rows: Sequence[Mapping[str, Any]]) -> str:
    seeds = min(row["seeds"] for row in rows)
    if seeds > 1:
        return f"Intervals allow for other starts and for other training seeds, of which there are {seeds}."
    return "Intervals allow for other starts alone: one training seed does not say how far others lie apart."


def _percents(values: list[float]) -> str:
    return " / ".join(f"{value:.0%}" for value in values)
