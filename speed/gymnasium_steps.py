"""Environment steps a second through gymnasium, beside the bare simulators', with two workers and without images.

Bare: each worker commands one simulator and does nothing else; it observes nothing. Through gymnasium: `make_vec` with
sixteen environments per worker, privileged state observed at every step, from random actions to infos. Both reset where
an episode ends. The two are measured in turn, and `ratio` has the median, the lowest and the highest of their ratios.
`cpu_ratio` is that of steps per second of CPU time, in all processes: without what waiting for each other costs, and
without what other processes on the machine take.

    python speed/gymnasium_steps.py [--envs metaworld/reach,...] [--seconds 4] [--rounds 5] [--json]

(Not speed/gymnasium.py: scripts of this folder would then import it for the package.)
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
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


def cpu_s() -> float:
    """The CPU time of this process and its workers so far, in s (Linux)."""
    ticks = 0
    for child in multiprocessing.active_children():
        ticks += sum(map(int, Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def bare_steps(workers: Workers, seconds: float) -> int:
    steps, left = 0, len(workers)
    for number in range(len(workers)):
        workers.request(number, seconds)
    while left:
        for _, answer in workers.answers():
            assert not isinstance(answer, Death), answer
            steps, left = steps + answer, left - 1
    return steps


def gymnasium_steps(envs: gymnasium.vector.VectorEnv, seconds: float) -> int:
    rng, until_s, steps = np.random.default_rng(0), time.perf_counter() + seconds, 0
    while time.perf_counter() < until_s:
        envs.step(rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32))
        steps += envs.num_envs
    return steps


def rates(run: Callable[[], int]) -> tuple[float, float]:
    """Steps a second, and steps per second of CPU time."""
    began_s, used_s = time.perf_counter(), cpu_s()
    steps = run()
    return steps / (time.perf_counter() - began_s), steps / (cpu_s() - used_s)


def measure(name: str, task: str, seconds: float, rounds: int) -> dict[str, Any]:
    options: dict[str, Any] = {"workers": WORKERS, "task": task, "autoreset_mode": "SameStep"}
    with (
        closing(Workers(WORKERS, _serve, name, task)) as workers,
        closing(gymnasium.make_vec(f"praxia/{name}-v0", WORKERS * ENVS_PER_WORKER, **options)) as envs,
    ):
        envs.reset(seed=0)
        bare_steps(workers, 1.0)  # builds the simulators
        bare, ours = [], []
        for _ in range(rounds):
            bare.append(rates(lambda: bare_steps(workers, seconds)))
            ours.append(rates(lambda: gymnasium_steps(envs, seconds)))
    ratios = np.array(ours) / np.array(bare)
    found = [{"median": np.median(one), "low": one.min(), "high": one.max()} for one in ratios.T]
    ratio, cpu_ratio = ({name: round(float(value), 3) for name, value in one.items()} for one in found)
    alone, through = (round(float(np.median(one, axis=0)[0])) for one in (bare, ours))
    rows = {"env": f"{name}/{task}", "bare_per_s": alone, "gymnasium_per_s": through}
    return {**rows, "ratio": ratio, "cpu_ratio": cpu_ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", default=ENVS, help="FAMILY/TASK, with commas between them")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    named = [one.split("/") for one in options.envs.split(",")]
    rows = [measure(name, task, options.seconds, options.rounds) for name, task in named]
    passed = {row["env"]: row["ratio"]["median"] >= BAR for row in rows}
    if options.json:
        print(json.dumps({"rows": rows, "passed": passed}))
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
