"""What a delay costs a policy, and which remedy wins it back: one table of remedies and delays."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.errors import UnknownName
from praxia.core.files import write_atomic
from praxia.core.types import ChunkExecution, Policy, Query
from praxia.envs import find_family
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.recipes import find_recipe
from praxia.results.pairs import pair_files
from praxia.results.verdict import verdict_of
from praxia.rollout.corrected import Corrects
from praxia.rollout.timeline import next_query
from praxia.studies.remedies import REMEDIES, Remedy
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.studies.timing import median_cpu_s
from praxia.studio.tables import percent

__all__ = ["ARENAS", "Arena", "delay"]

NAIVE = "naive"
# Actions that are changes or velocities, as those of the arenas, do not say what the state will be.
NOT_OF_CHANGES = "rolled-forward"


@dataclass(frozen=True)
class Arena:
    """Where remedies are compared: a benchmark without a delay, a recipe, and what `remedies` to try beside the naive
    switch. `demonstrations` and `episodes` are per task.
    """

    benchmark: str
    recipe: str
    demonstrations: int
    episodes: int
    remedies: tuple[str, ...] = tuple(name for name in REMEDIES if name not in (NAIVE, NOT_OF_CHANGES))


ARENAS = {
    "bimodal": Arena("bimodal", "flow-bimodal", demonstrations=200, episodes=100),
    "moving": Arena("tabletop/moving", "flow-tabletop", demonstrations=400, episodes=50),
    "tabletop": Arena("tabletop/heads", "flow-tabletop-heads", demonstrations=600, episodes=50),
}


def delay(
    out: Path, *, seed: int, workers: int, scale: float, report: StageProgress, arena: str = "tabletop"
) -> dict[str, Any]:
    """Evaluate the remedies at delays of 0, 2, half a chunk and a whole one, or continue an interrupted study.

    Returns {"summary", "report", "passed", "expected", "got", "arena", "chunk", "rows"}. A row is {method, delay,
    success, ci95, starved, age, observation_hz, cost_of_base, verdict}: the share of starved steps, the mean age of
    observations in control steps, and the CPU time of decisions per second of control as a multiple of the naive
    switch's at that delay. `verdict` is that of the exact test against the naive switch. Without a delay nothing is
    starved, and the age is None. A policy that corrects its actions sees every observation at once, and where it holds
    still is not counted. A remedy that is trained for delays up to half a chunk has no row beyond.

    It passes if at half a chunk a remedy wins back half of what the naive switch lost, by a verdict.

    Raises:
        UnknownName: there is no such arena.
    """
    if arena not in ARENAS:
        raise UnknownName("arena", arena, ARENAS, "praxia study delay --help")
    began_s, setting = time.perf_counter(), ARENAS[arena]
    expect_unfinished(out)
    stages = Stages(out, seed, workers, scale, report)
    stages.collect("data", find_benchmark(setting.benchmark), setting.demonstrations)
    remedies = [REMEDIES[name] for name in (NAIVE, *setting.remedies)]
    horizon = _train(stages, setting, remedies)
    half = horizon // 2
    rows = [
        _row(stages, setting, remedy, steps)
        for steps in dict.fromkeys((0, 2, half, horizon))
        for remedy in remedies
        if not remedy.trains or steps <= half
    ]
    table = {"arena": arena, "chunk": horizon, "rows": _with_costs(rows)}
    write_atomic(out / "table.json", json.dumps(_formatted(table), indent=1) + "\n")
    passed, got = _verdict(table["rows"], half)
    expected = "at a delay of half a chunk a remedy that wins back half of what the naive switch lost, by a verdict"
    study = finish_study(out, began_s, table, passed=scale < 1 or passed, expected=expected, got=got)
    return {**study, **table}


def _train(stages: Stages, setting: Arena, remedies: Sequence[Remedy]) -> int:
    """Train the policies of the remedies for delays up to half a chunk, and return the length of a chunk."""
    run = find_recipe(setting.recipe)()
    for remedy in remedies:
        if remedy.trains or remedy.name == NAIVE:
            stages.train(remedy.name, setting.recipe, remedy.prepare(run, run.window.horizon // 2), ["data"])
    return run.window.horizon


def _row(stages: Stages, setting: Arena, remedy: Remedy, steps: int) -> dict[str, Any]:
    folder = remedy.name if remedy.trains else NAIVE
    benchmark = find_benchmark(f"{setting.benchmark}/delay-{steps}")
    name = f"eval-{remedy.name}-{steps}"
    found = stages.evaluate(
        name, folder, benchmark.name, setting.episodes, ensemble=remedy.ensemble, sampling=remedy.sampling
    )
    verdict = None
    if remedy.name != NAIVE:
        pairing = pair_files(stages.out / f"{name}.jsonl", stages.out / f"eval-{NAIVE}-{steps}.jsonl")
        verdict = verdict_of(pairing, until_decided=False)["verdict"]
    policy = find_policy(str(stages.out / folder), benchmark, exact=True, sampling=remedy.sampling).policy
    # Without a delay the rows do not count observations: the execution horizon says how many there are.
    at_each_step = remedy.ensemble is not None or isinstance(policy, Corrects)
    every = 1 if at_each_step else _decides_every(benchmark.execution, policy.window.horizon)
    rate = found.get("observation_hz", _control_hz(benchmark) / every)
    return {
        "method": remedy.name,
        "delay": steps,
        "success": found["success"],
        "ci95": found["ci95"],
        "starved": found.get("starved", 0.0),
        "age": found.get("observation_age"),
        "observation_hz": rate,
        "cost_of_base": _load(policy, benchmark, steps, rate),
        "verdict": verdict,
    }


def _control_hz(benchmark: Benchmark) -> float:
    return find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0])).control_hz


def _load(policy: Policy, benchmark: Benchmark, steps: int, observation_hz: float) -> float:
    """The CPU time of the policy per second of control, on one thread, beside a chunk that is under way."""
    family, task = find_family(benchmark.env), benchmark.tasks[0]
    start = family.draw_start(task, benchmark.split, 0)
    with closing(family.build(benchmark.spec(task))) as env:
        env.reset(start)
        first = Query((env.observe(policy.window.observed),), start.key, 0, 0)
    (decision,), _ = policy.act([first], policy.start(1))
    query = replace(first, step=1, delay=steps, committed=decision.chunk[:steps], planned=decision.chunk)
    decision_s = median_cpu_s(lambda: policy.act([query], policy.start(1)))
    if not isinstance(policy, Corrects):
        return decision_s * observation_hz
    # The rows count an observation at each step. Chunks are decided as often as without a correction.
    state, control_hz = first.history[-1].state[None], _control_hz(benchmark)
    correction_s = median_cpu_s(lambda: policy.correct([query], decision.chunk[1:2], np.array([1]), state))
    return (decision_s / _decides_every(benchmark.execution, policy.window.horizon) + correction_s) * control_hz


def _decides_every(execution: ChunkExecution, chunk: int) -> int:
    """The steps from one decision to the next, after the first, with chunks of `chunk` valid actions."""
    return next_query(0, execution.delay, chunk, execution.execution_horizon, execution.delay)


def _with_costs(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their CPU times as multiples of the naive switch's at the same delay."""
    base = {row["delay"]: row["cost_of_base"] for row in rows if row["method"] == NAIVE}
    return [{**row, "cost_of_base": round(row["cost_of_base"] / base[row["delay"]], 2)} for row in rows]


def _verdict(rows: Sequence[Mapping[str, Any]], half: int) -> tuple[bool, str]:
    """Whether a remedy wins back half of what the naive switch lost at a delay of `half`, and the result as text."""
    by_name = {(row["method"], row["delay"]): row for row in rows}
    at_once, naive = by_name[NAIVE, 0], by_name[NAIVE, half]
    needed = (at_once["success"] + naive["success"]) / 2
    tried = [row for row in rows if row["delay"] == half and row["method"] != NAIVE]
    won = [row for row in tried if row["success"] >= needed and row["verdict"] == "better"]
    texts = [f"{row['method']} {percent(row['success'])}" for row in tried]
    got = f"{percent(at_once['success'])} without a delay, {percent(naive['success'])} naive; {', '.join(texts)}"
    return naive["success"] < at_once["success"] and bool(won), got


def _formatted(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as texts for the report."""
    columns = [
        *("method", "delay", "success", "95% interval", "starved", "age", "observations/s", "cost"),
        "against naive",
    ]
    rows = [
        [
            row["method"],
            str(row["delay"]),
            percent(row["success"]),
            " / ".join(map(percent, row["ci95"])) if row["ci95"] else "–",
            f"{row['starved']:.0%}",
            "–" if row["age"] is None else f"{row['age']:.1f}",
            f"{row['observation_hz']:.1f}",
            f"{row['cost_of_base']:.2f}",
            row["verdict"] or "",
        ]
        for row in table["rows"]
    ]
    return {
        "title": f"Delay on {table['arena']}",
        "note": f"Delays and ages are in control steps; a chunk has {table['chunk']}. Starved: the share of steps at"
        " which nothing was ready, so that the robot was held still. The cost is the CPU time of decisions per second"
        " of control, as a multiple of the naive switch's. Verdicts are those of an exact test on equal starts.",
        "columns": columns,
        "rows": rows,
    }
