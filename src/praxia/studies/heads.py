"""Every action head on the same encoder, data, budget and starts: the table."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch

from praxia.checkpoint.store import load_policy
from praxia.core.errors import UnknownName
from praxia.core.files import write_whole
from praxia.core.registry import lookup
from praxia.core.types import Query
from praxia.data.action_chunks import action_chunks
from praxia.data.dataset import Dataset
from praxia.envs import build
from praxia.envs.bimodal.sides import num_switches, side
from praxia.evaluate.benchmarks import find_benchmark
from praxia.policies.composed import LearnedPolicy
from praxia.recipes import RECIPES
from praxia.results.rows import Row, read_rows
from praxia.results.statistics import wilson_interval
from praxia.results.store import Replay, read_replay
from praxia.studies.stages import Report, Stages, expect_unfinished
from praxia.studio.report import report as make_report

__all__ = ["ARENAS", "heads"]


@dataclass(frozen=True)
class Arena:
    """Where `heads` are compared: `demonstrations` to learn from, `episodes` to be judged on, for each seed.

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
        heads=("regression", "flow", "diffusion", "diffusion-unet"),
        expected="0.9 of the expert's score by flow and by diffusion",
        verdict=_near_the_expert,
    ),
}


def heads(
    out: Path, *, seed: int, workers: int, scale: float, report: Report, arena: str = "bimodal", seeds: int = 1
) -> dict[str, Any]:
    """Train every head `seeds` times, judge all on the same starts, and go on where an interrupted study stopped.

    Returns {"summary", "report", "passed", "expected", "got", "arena", "expert", "rows"}. `expert` is its mean score;
    each row is {head, success, ci95, score, per_seed, modes, committed, ms_per_chunk, tokens_per_action, parameters,
    samples_per_s}: `score` and `per_seed` are mean progress (on PushT the best coverage, else success), `modes` the
    shares of episodes that passed left and right of the obstacle, `committed` the share that never changed sides,
    `ms_per_chunk` the median of one observation on one thread, `tokens_per_action` None for heads without codes. What
    does not apply to an arena is None.

    Raises:
        UnknownName: the arena.
    """
    if arena not in ARENAS:
        raise UnknownName("arena", arena, ARENAS, "praxia study heads --help")
    began_s, chosen = time.perf_counter(), ARENAS[arena]
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("data", find_benchmark(chosen.benchmark), chosen.demonstrations)
    rows = []
    for head in chosen.heads:
        recipe = f"{head}-{arena}"
        run = lookup("recipes", RECIPES, recipe, kind="recipe", listing="praxia recipes")()
        for at in range(seeds):
            replace(stages, seed=seed + at).train(f"{head}-{at}", recipe, run, ["data"])
            stages.evaluate(f"judged-{head}-{at}", f"{head}-{at}", chosen.benchmark, chosen.episodes)
        rows.append(_row(stages, head, seeds))
    expert = stages.evaluate("expert", None, chosen.benchmark, chosen.episodes)["progress"]
    table = {"arena": arena, "expert": expert, "rows": rows}
    write_whole(out / "table.json", json.dumps(_shown(table), indent=1) + "\n")
    page = make_report([out], out / "report.html")
    summary = {"seconds": round(time.perf_counter() - began_s, 1), **table}
    write_whole(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    passed, got = chosen.verdict(table)
    return {
        "summary": summary,
        "report": str(page),
        "passed": scale < 1 or passed,
        "expected": chosen.expected,
        "got": got,
        **table,
    }


def _row(stages: Stages, head: str, seeds: int) -> dict[str, Any]:
    judged = [stages.out / f"judged-{head}-{at}.jsonl" for at in range(seeds)]
    results = [read_rows(path) for path in judged]
    replays = [read_replay(path, row.start) for path, rows in zip(judged, results, strict=True) for row in rows]
    successes = sum(row.status == "success" for rows in results for row in rows)
    episodes = sum(map(len, results))
    policy, _ = load_policy(stages.out / f"{head}-0")
    return {
        "head": head,
        "success": successes / episodes,
        "ci95": list(wilson_interval(successes, episodes)),
        "score": fmean(row.progress for rows in results for row in rows),
        "per_seed": [fmean(row.progress for row in rows) for rows in results],
        **_sides([row for rows in results for row in rows], replays),
        "ms_per_chunk": _milliseconds(policy, replays[0]),
        "tokens_per_action": _tokens_per_action(policy, Dataset(stages.out / "data")),
        "parameters": sum(value.numel() for value in policy.model.parameters()),
        "samples_per_s": _samples_per_s(stages.out / f"{head}-0"),
    }


def _sides(rows: list[Row], replays: list[Replay]) -> dict[str, Any]:
    """On which side of the obstacle the episodes passed, by doing their actions again."""
    if rows[0].benchmark != "bimodal":
        return {"modes": None, "committed": None}
    env, found = build(replays[0].spec), []
    for replay in replays:
        env.reset(replay.start)
        states = [env.look(()).state]
        for action in replay.actions:
            env.step(action)
            states.append(env.look(()).state)
        found.append((side(np.array(states)), num_switches(np.array(states))))
    env.close()
    return {
        "modes": [sum(way == name for way, _ in found) / len(found) for name in ("left", "right")],
        "committed": sum(switches == 0 for _, switches in found) / len(found),
    }


def _milliseconds(policy: LearnedPolicy, replay: Replay) -> float:
    """The median time of one decision about one observation, on one thread, once it is warm."""
    env = build(replay.spec)
    env.reset(replay.start)
    query = Query((env.look(policy.window.cameras),), replay.start.key, 0, 0)
    env.close()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(25):
        began_s = time.perf_counter()
        policy.act([query], policy.start(1))
        times.append(time.perf_counter() - began_s)
    torch.set_num_threads(threads)
    return round(1000 * median(times[5:]), 3)


def _tokens_per_action(policy: LearnedPolicy, dataset: Dataset) -> float | None:
    code = getattr(policy.model.head, "code", None)
    if code is None:
        return None
    chunks, _ = action_chunks([(dataset, dataset.select())], policy.window.horizon, policy.transforms)
    return round(float(code.encode(chunks).valid.sum(1).mean()) / policy.window.horizon, 3)


def _samples_per_s(run: Path) -> float:
    """The median of what training logged."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return round(median(json.loads(line)["samples_per_s"] for line in lines), 1)


def _shown(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as the report shows it."""
    columns = [
        "head",
        "success",
        "95% interval",
        "score",
        "left / right",
        "committed",
        "ms a chunk",
        "tokens an action",
    ]
    rows = [
        [
            row["head"],
            f"{row['success']:.1%}",
            _percents(row["ci95"]),
            f"{row['score']:.3f}",
            _percents(row["modes"]) if row["modes"] else "",
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
        "note": "The same encoder, data, steps of training and starts for all. Milliseconds are of one observation on "
        f"one thread. The expert's score is {table['expert']:.3f}.",
        "columns": [*columns, "parameters", "samples/s"],
        "rows": rows,
    }


def _percents(values: list[float]) -> str:
    return " / ".join(f"{value:.0%}" for value in values)
