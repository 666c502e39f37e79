"""What two systems at two speeds are worth: beside each of them alone, at several rates, and with intents of others."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from praxia.core.blank import blank_observation
from praxia.core.files import write_atomic
from praxia.core.types import Query
from praxia.encoders.text import NoText
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.shuffled_intents import CONTROL
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.two_systems import Dual, with_past
from praxia.recipes import find_recipe
from praxia.results.pairs import pair_rows
from praxia.results.rows import read_rows
from praxia.results.verdict import verdict_of
from praxia.rollout.thinking import Thinker
from praxia.studies.stages import StageProgress, Stages, expect_unfinished, finish_study
from praxia.studio.tables import percent
from praxia.training.config import TrainRun

__all__ = ["dual"]

ARENAS = ("moving", "still")
RECIPE = "helix-tabletop"
DEMONSTRATIONS, EPISODES = 200, 60  # per task and arena
RATIOS = (1, 2, 4, 8, 16)
# At this ratio, with which the recipe is trained, systems are compared.
RATIO = 8
# So that the first intent is the only one of an episode.
FROZEN = 1000
# The slow system alone decides chunks, whose first half passes while it decides.
SLOW_HORIZON = 2 * RATIO
MOST_LOST = 0.1
LEAST_COST = 8.0
NUM_TIMED = 15


@dataclass(frozen=True)
class _Arm:
    """One row on each arena: the policy in the folder `policy`, at a rate or after a delay, in control steps."""

    method: str
    policy: str
    every: int | None = None
    delay: int | None = None
    control: str | None = None

    @property
    def execution(self) -> str:
        """The end of the benchmark's name."""
        if self.every is None:
            return f"delay-{self.delay}"
        return f"think-{self.every}-late-{self.every}"

    @property
    def name(self) -> str:
        """The name of its results file, on one arena."""
        return f"{self.method}-{self.delay if self.every is None else self.every}"


SLOW, SLOW_AT_ONCE = _Arm("slow", "slow", delay=RATIO), _Arm("slow", "slow", delay=0)
FAST = _Arm("fast", "fast", every=RATIO)
DUAL, SHUFFLED = _Arm("dual", "dual", every=RATIO), _Arm("dual-shuffled", "dual", every=RATIO, control=CONTROL)
ARMS = (
    SLOW_AT_ONCE,
    SLOW,
    FAST,
    *(_Arm("dual", "dual", every=every) for every in RATIOS),
    *(_Arm("dual-present", "dual-present", every=every) for every in (1, RATIO)),
    SHUFFLED,
    _Arm("dual-frozen", "dual", every=FROZEN),
)


def dual(out: Path, *, seed: int, workers: int, scale: float, report: StageProgress) -> dict[str, Any]:
    """Train and evaluate two systems, each alone and both, or continue an interrupted study.

    The slow system alone decides chunks under a delay of 8 control steps, the fast one is trained alone without
    instructions, and "dual" is both, trained with ages of intents as at run time, or ("dual-present") of age 0 alone.
    Its intents are also those of other episodes ("dual-shuffled"), or the episode's first one ("dual-frozen"). All are
    trained on demonstrations of both arenas.

    Returns {"summary", "report", "passed", "expected", "got", "slow_of_fast", "rows"}. A row is {arena, method,
    every, delay, success, ci95}; `every` control steps an intent is made, and is as late. `slow_of_fast` is the CPU
    time of a thought as a multiple of a fast decision's. `passed` says of each bar whether it is reached:

    "beats_slow": on moving tasks better than the slow system with its delay, by the exact test on equal starts.
    "needs_intents": there, with shuffled intents no better than the fast system alone, by the same test.
    "keeps_still": on still tasks a loss of 10 points against the slow system without a delay is excluded by the paired
    95% interval. "slow_is_slow": a thought costs at least 8 decisions.
    """
    expect_unfinished(out)
    began_s, stages = time.perf_counter(), Stages(out, seed, workers, scale, report)
    for arena in ARENAS:
        stages.collect(f"data-{arena}", find_benchmark(f"tabletop/{arena}"), DEMONSTRATIONS)
    for name, run in _runs().items():
        stages.train(name, RECIPE, run, [f"data-{arena}" for arena in ARENAS])
    rows = [_row(stages, arena, arm) for arena in ARENAS for arm in ARMS]
    ratio = _slow_of_fast(out / "dual")
    passed, got = _bars(out, rows, ratio)
    table = {"slow_of_fast": round(ratio, 1), "passed": passed, "rows": rows}
    write_atomic(out / "table.json", json.dumps(_formatted(table), indent=1) + "\n")
    expected = (
        "two systems better than the slow one with its delay where things move, with shuffled intents no better than"
        " the fast one alone, within 10 points of the slow one at once where nothing moves, and a thought that costs"
        f" {LEAST_COST:g} decisions or more"
    )
    study = finish_study(out, began_s, table, passed=all(passed.values()), expected=expected, got=got)
    return {**study, **table}


def _runs() -> dict[str, TrainRun]:
    """The runs by the names of their folders."""
    run = find_recipe(RECIPE)()
    model = run.model
    assert isinstance(model, Dual), "the recipe has two systems"
    assert model.slow is not None, "each has a network of its own"
    encoder: Any = model.fast.encoder
    present = run.window.without_history()
    fast = replace(model.fast, encoder=replace(encoder, text=NoText()))
    return {
        "slow": replace(
            run, model=EncoderHead(model.slow, model.fast.head), window=replace(present, horizon=SLOW_HORIZON)
        ),
        "fast": replace(run, model=fast, window=present),
        "dual": run,
        "dual-present": replace(run, model=replace(model, every=0), window=with_past(present, None)),
    }


def _row(stages: Stages, arena: str, arm: _Arm) -> dict[str, Any]:
    found = stages.evaluate(
        f"{arena}-{arm.name}", arm.policy, f"tabletop/{arena}/{arm.execution}", EPISODES, control=arm.control
    )
    return {
        "arena": arena,
        "method": arm.method,
        "every": arm.every,
        "delay": arm.delay,
        "success": found["success"],
        "ci95": found["ci95"],
    }


def _slow_of_fast(folder: Path) -> float:
    """The CPU time of a thought, on one thread of the CPU, as a multiple of a fast decision's."""
    benchmark = find_benchmark("tabletop/moving")
    policy = find_policy(str(folder), benchmark, exact=True, device="cpu").policy
    assert isinstance(policy, Thinker), "the policy has two systems"
    embodiment = policy.embodiment
    assert embodiment is not None, "it was trained on one"
    query = Query((blank_observation(embodiment, policy.window.observed),), "cost", 0, 0)
    (intent,) = policy.think([query])
    told, carry = replace(query, intent=intent), policy.start(1)
    slow, fast = [], []
    for _ in range(NUM_TIMED):  # in turn, so that whatever else runs here slows both
        slow.append(_cpu_s(lambda: policy.think([query])))
        fast.append(_cpu_s(lambda: policy.act([told], carry)))
    return median(slow[NUM_TIMED // 3 :]) / median(fast[NUM_TIMED // 3 :])


def _cpu_s(call: Any) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    began_s = time.process_time()
    call()
    took_s = time.process_time() - began_s
    torch.set_num_threads(threads)
    return took_s


def _bars(out: Path, rows: Sequence[Mapping[str, Any]], ratio: float) -> tuple[dict[str, bool], str]:
    """Which bars are reached, and the numbers behind them as text."""
    moving = _verdict(out, "moving", DUAL, SLOW)
    shuffled = _verdict(out, "moving", SHUFFLED, FAST)
    still = _verdict(out, "still", DUAL, SLOW_AT_ONCE)
    bars = {
        "beats_slow": moving["verdict"] == "better",
        "needs_intents": shuffled["verdict"] != "better",
        "keeps_still": still["ci95"] is not None and still["ci95"][0] > -MOST_LOST,
        "slow_is_slow": ratio >= LEAST_COST,
    }
    success = {(row["arena"], row["method"], row["every"], row["delay"]): row["success"] for row in rows}

    def of(arena: str, arm: _Arm) -> str:
        return percent(success[arena, arm.method, arm.every, arm.delay])

    return bars, (
        f"moving: two systems {of('moving', DUAL)}, slow {of('moving', SLOW)}, shuffled {of('moving', SHUFFLED)}, fast"
        f" {of('moving', FAST)}; still: two systems {of('still', DUAL)}, slow {of('still', SLOW_AT_ONCE)};"
        f" a thought costs {ratio:.1f} decisions"
    )


def _verdict(out: Path, arena: str, arm: _Arm, other: _Arm) -> dict[str, Any]:
    """Of one arm against another on equal starts: their benchmarks differ in time alone."""
    rows, others = (read_rows(out / f"{arena}-{one.name}.jsonl") for one in (arm, other))
    return verdict_of(pair_rows(rows, others), until_decided=False)


def _formatted(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table as texts for the report."""
    rows = [
        [
            row["arena"],
            row["method"],
            "–" if row["every"] is None else str(row["every"]),
            "–" if row["delay"] is None else str(row["delay"]),
            percent(row["success"]),
            " / ".join(map(percent, row["ci95"])) if row["ci95"] else "–",
        ]
        for row in table["rows"]
    ]
    return {
        "title": "Two systems",
        "note": "An intent is made every so many control steps, and is as late. A thought costs"
        f" {table['slow_of_fast']} fast decisions of CPU time. Every {FROZEN}: an episode has its first intent alone.",
        "columns": ["arena", "method", "intent every", "delay", "success", "95% interval"],
        "rows": rows,
    }
