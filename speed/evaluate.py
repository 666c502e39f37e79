"""How fast episodes are judged: with 1 and 2 workers, looking when the policy does and looking at every step.

The policy is a fixed random one that costs nothing (chunks of 8 actions, 4 executed), so this measures simulation,
drawing and transport. It acts alike in both modes: the only difference is who looks how often. Every environment is
built and has drawn once before the clock starts.

    python speed/evaluate.py [--episodes 8] [--json]
"""

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from praxia.core.keys import generator
from praxia.core.types import Decision, Pace, Query, Window
from praxia.envs import find_family
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.plan import Evaluation, plan
from praxia.evaluate.runner import SLOTS_PER_WORKER
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.trace import Job

CHUNK, EXECUTED, STEPS = 8, 4, 100
TASKS = ("door-open", "drawer-open")


class RandomPolicy:
    """Random chunks, each a pure function of (episode, step at which it was begun)."""

    privileged = False
    embodiment = None
    window = Window({"image.workspace": (0,), "state": (0,)}, CHUNK)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        into = query.step % EXECUTED
        chunk = generator(query.key, query.step - into).uniform(-1, 1, (CHUNK, 4)).astype(np.float32)
        return Decision(chunk[into:], np.ones(CHUNK - into, bool))


def episodes_per_minute(jobs: Sequence[Job], workers: int, executed_steps: int) -> float:
    """With the environments warm: one short episode a slot comes first."""
    build = find_family("metaworld").build
    with closing(WorkerPool(workers, SLOTS_PER_WORKER, build)) as slots:
        first = [jobs[at % 2 * len(jobs) // 2] for at in range(slots.num_slots)]
        for _ in rollout(RandomPolicy(), slots, first, pace=Pace(executed_steps), horizon=1):
            pass
        began_s = time.perf_counter()
        traces = list(rollout(RandomPolicy(), slots, jobs, pace=Pace(executed_steps), horizon=STEPS))
        seconds = time.perf_counter() - began_s
    assert all(trace.error is None for trace in traces), [trace.error for trace in traces]
    return 60 * len(traces) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8, help="how many of each of the two tasks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    benchmark = replace(find_benchmark("metaworld-demo/fast"), tasks=TASKS)
    jobs = plan(Evaluation(benchmark, "", options.episodes), find_family("metaworld"))
    lazy = {workers: episodes_per_minute(jobs, workers, EXECUTED) for workers in (1, 2)}
    every_step = episodes_per_minute(jobs, 1, 1)
    found = {
        "steps_per_episode": STEPS,
        "episodes_per_minute": {str(workers): round(rate, 1) for workers, rate in lazy.items()},
        "episodes_per_minute_looking_at_every_step": round(every_step, 1),
        "lazy_speedup": round(lazy[1] / every_step, 2),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:44s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
