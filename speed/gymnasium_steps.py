"""Environment steps a second through gymnasium, beside the bare simulators', with two workers and without images.

Bare: each worker commands one simulator and does nothing else; it observes nothing. Through gymnasium: `make_vec` with
sixteen environments per worker, privileged state observed at every step, from random actions to infos. Both reset where
an episode ends. The two are measured in turn, and `ratio` has the median, the lowest and the highest of their ratios.

    python speed/gymnasium_steps.py [--envs metaworld/reach,...] [--seconds 4] [--rounds 5] [--json]

(Not speed/gymnasium.py: scripts of this folder would then import it for the package.)
"""

import argparse
import json
import os
import time
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import gymnasium
import numpy as np

import praxia.integrations.gymnasium  # noqa: F401  registers the environments
from praxia.core.types import EnvSpec
from praxia.core.workers import Death, Workers, answer_requests
from praxia.envs import find_family

ENVS = "tabletop-gantry/touch,tabletop-arm7/touch,metaworld/reach,pusht/push"
WORKERS, ENVS_PER_WORKER, BAR = 2, 16, 0.8


def _serve(connection: Connection, name: str, task: str) -> None:
    """A worker with a bare simulator: from seconds to the number of steps that it made in them."""
    family, rng = find_family(name), np.random.default_rng(os.getpid())
    spec = EnvSpec(name, task)
    env, horizon = family.build(spec), family.reward(spec).horizon
    low, high = env.embodiment.action_range
    env.reset(family.draw_start(task, "speed", 0))
    steps = 0

    def run(seconds: float) -> int:
        nonlocal steps
        before, until_s = steps, time.perf_counter() + seconds
        while time.perf_counter() < until_s:
            outcome = env.command(rng.uniform(low, high).astype(np.float32))
            steps += 1
            if outcome.terminated or outcome.truncated or steps % horizon == 0:
                env.reset(family.draw_start(task, "speed", steps))
        return steps - before

    answer_requests(connection, run)


def bare_steps_per_s(workers: Workers, seconds: float) -> float:
    began_s, steps, left = time.perf_counter(), 0, len(workers)
    for number in range(len(workers)):
        workers.request(number, seconds)
    while left:
        for _, answer in workers.answers():
            assert not isinstance(answer, Death), answer
            steps, left = steps + answer, left - 1
    return steps / (time.perf_counter() - began_s)


def gymnasium_steps_per_s(envs: gymnasium.vector.VectorEnv, seconds: float) -> float:
    rng, began_s, steps = np.random.default_rng(0), time.perf_counter(), 0
    while time.perf_counter() - began_s < seconds:
        envs.step(rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32))  # pyright: ignore
        steps += envs.num_envs
    return steps / (time.perf_counter() - began_s)


def measure(name: str, task: str, seconds: float, rounds: int) -> dict[str, object]:
    options: dict[str, Any] = {"workers": WORKERS, "task": task, "autoreset_mode": "SameStep"}
    with (
        closing(Workers(WORKERS, _serve, name, task)) as workers,
        closing(gymnasium.make_vec(f"praxia/{name}-v0", WORKERS * ENVS_PER_WORKER, **options)) as envs,
    ):
        envs.reset(seed=0)
        bare_steps_per_s(workers, 1.0)  # builds the simulators
        pairs = [(bare_steps_per_s(workers, seconds), gymnasium_steps_per_s(envs, seconds)) for _ in range(rounds)]
    bare, ours = (float(np.median(rates)) for rates in zip(*pairs, strict=True))
    ratios = [through / alone for alone, through in pairs]
    found = {"median": float(np.median(ratios)), "low": min(ratios), "high": max(ratios)}
    rounded = {key: round(value, 3) for key, value in found.items()}
    return {"env": f"{name}/{task}", "bare_per_s": round(bare), "gymnasium_per_s": round(ours), "ratio": rounded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", default=ENVS, help="FAMILY/TASK, with commas between them")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    named = [one.split("/") for one in options.envs.split(",")]
    rows = [measure(name, task, options.seconds, options.rounds) for name, task in named]
    passed = {str(row["env"]): row["ratio"]["median"] >= BAR for row in rows}  # pyright: ignore
    if options.json:
        print(json.dumps({"rows": rows, "passed": passed}))
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
