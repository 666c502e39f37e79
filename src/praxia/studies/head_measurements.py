"""Measurements of one action head for the table of heads."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch

from praxia.checkpoint.store import load_policy
from praxia.core.types import Query
from praxia.data.dataset import Dataset
from praxia.dataloader.action_chunks import action_chunks
from praxia.envs import build
from praxia.envs.bimodal.sides import num_switches, side
from praxia.policies.encoder_head import EncoderHeadPolicy
from praxia.results.rows import Row, read_rows
from praxia.results.seeds import recipe_success
from praxia.results.store import Replay, read_replay

__all__ = ["measure_head"]

# For the modes from one start.
NUM_STARTS, NUM_DRAWS = 20, 32


def measure_head(runs: Sequence[Path], results_files: Sequence[Path], data: Path) -> dict[str, Any]:
    """The measurements of a head that was trained on `data` in `runs`, one per seed, and evaluated in `results_files`.

    Returns {seeds, episodes, errors, success, ci95, ci95_of, per_task, score, per_seed, modes, committed, minority,
    ms_per_chunk, tokens_per_action, parameters, samples_per_s}. The first six are those of `seeds.recipe_success`. The
    other numbers exclude errors too. `per_task` is the success rate per task. `score` and `per_seed` are the mean
    progress, which is the best coverage on PushT and success elsewhere; None where every episode is an error. `modes`
    are the shares of episodes that passed left and right of the obstacle, `committed` the share that never changed
    sides, and `minority` the share of the rarer side among chunks from one start (0.5 at best, 0 where all chunks
    agree); None without an obstacle. `ms_per_chunk` is the median time for one observation on one thread,
    `tokens_per_action` None for heads without an action tokenizer. The last five, and `minority`, are of the first run.
    """
    results = [read_rows(path) for path in results_files]
    found = [
        (read_replay(path, row.start), row) for path, rows in zip(results_files, results, strict=True) for row in rows
    ]
    policy, _ = load_policy(runs[0])
    assert isinstance(policy, EncoderHeadPolicy), "what has a head"
    scores = [_score(rows) for rows in results]
    return {
        **{name: value for name, value in recipe_success(results).items() if name != "per_seed"},
        "per_task": _per_task(results),
        "score": _mean(scores),
        "per_seed": scores,
        **_sides([replay for replay, row in found if row.is_known]),
        "minority": _minority(policy, [replay for replay, _ in found[:NUM_STARTS]]),
        "ms_per_chunk": _milliseconds(policy, found[0][0]),
        "tokens_per_action": _tokens_per_action(policy, Dataset(data)),
        "parameters": sum(value.numel() for value in policy.model.parameters()),
        "samples_per_s": _samples_per_s(runs[0]),
    }


def _score(rows: Sequence[Row]) -> float | None:
    return _mean([row.progress for row in rows if row.is_known])


def _per_task(results: Sequence[Sequence[Row]]) -> dict[str, float | None]:
    tasks = dict.fromkeys(row.task for rows in results for row in rows)
    return {task: _mean([_success([row for row in rows if row.task == task]) for rows in results]) for task in tasks}


def _success(rows: Sequence[Row]) -> float | None:
    return _mean([float(row.status == "success") for row in rows if row.is_known])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _sides(replays: Sequence[Replay]) -> dict[str, Any]:
    """The sides on which the episodes passed the obstacle, by replaying them."""
    if not replays or replays[0].spec.env != "bimodal":
        return {"modes": None, "committed": None}
    env, found = build(replays[0].spec), []
    for replay in replays:
        env.reset(replay.start)
        states = [env.observe(()).state]
        for action in replay.actions:
            env.command(action)
            states.append(env.observe(()).state)
        found.append((side(np.array(states)), num_switches(np.array(states))))
    env.close()
    return {
        "modes": [sum(passed == name for passed, _ in found) / len(found) for name in ("left", "right")],
        "committed": sum(switches == 0 for _, switches in found) / len(found),
    }


def _minority(policy: EncoderHeadPolicy, replays: Sequence[Replay]) -> float | None:
    """The mean over starts of the share of the rarer side among first chunks with different noise."""
    if replays[0].spec.env != "bimodal":
        return None
    env, shares = build(replays[0].spec), []
    for replay in replays:
        env.reset(replay.start)
        observation = env.observe(())
        queries = [Query((observation,), f"{replay.start.key}/{draw}", 0, 0) for draw in range(NUM_DRAWS)]
        decisions, _ = policy.act(queries, policy.start(len(queries)))
        offset = observation.state[0] - observation.state[2] + np.array([one.chunk[:, 0].sum() for one in decisions])
        left = float((offset < 0).mean())
        shares.append(min(left, 1 - left))
    env.close()
    return fmean(shares)


def _milliseconds(policy: EncoderHeadPolicy, replay: Replay) -> float:
    """The median time of one decision for one observation on one thread, after warm-up."""
    env = build(replay.spec)
    env.reset(replay.start)
    query = Query((env.observe(policy.window.cameras),), replay.start.key, 0, 0)
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


def _tokens_per_action(policy: EncoderHeadPolicy, dataset: Dataset) -> float | None:
    tokenizer = getattr(policy.model.head, "tokenizer", None)
    if tokenizer is None:
        return None
    chunks, _ = action_chunks([(dataset, dataset.select())], policy.window.horizon, policy.transforms)
    return round(float(tokenizer.encode(chunks).valid.sum(1).mean()) / policy.window.horizon, 3)


def _samples_per_s(run: Path) -> float:
    """The median of the logged training throughput."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return round(median(json.loads(line)["samples_per_s"] for line in lines), 1)
