"""Two systems on a robot of 200 Hz: whether the fast one keeps the rate, each time on a fresh observation, beside the
slow one, which thinks without a pause.

The robot is drawn: two new images of 64 px at every step. `decisions_hz` is what was reached, `late` the share of steps
whose period was over before the command was sent or carried out, `decision_ms` the 50th and 99th percentile of the fast
one's decisions, `intent_age` those of the age of their intents in control steps, `thoughts_hz` how often the slow one
thought. `slow_of_fast` is a thought's processor time as a multiple of a decision's, alone. Weights are fresh, each
system has one thread of arithmetic.

    python speed/dual.py [--recipe helix-tabletop] [--seconds 60] [--json]
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from serve import make_policy

from praxia.core.embodiment import Embodiment
from praxia.core.intent import Intent
from praxia.core.types import ChunkExecution, Decision, EnvSpec, Observation, Outcome, Policy, Query, Start
from praxia.rollout.loop import rollout
from praxia.rollout.paced import PacedSlots
from praxia.rollout.thinking import Thinker
from praxia.rollout.threaded_thinking import ThreadedThinking
from praxia.rollout.types import Job

CONTROL_HZ = 200.0
NUM_IMAGES = 64
NUM_TIMED = 30


class DrawnRobot:
    """It is commanded at 200 Hz and shows other images at every step."""

    def __init__(self, embodiment: Embodiment):
        self.embodiment = replace(embodiment, control_hz=CONTROL_HZ)
        rng, self._step = np.random.default_rng(0), 0
        self._images = [
            {
                one.name: rng.integers(0, 256, (one.height, one.width, 3), dtype=np.uint8)
                for one in self.embodiment.cameras
            }
            for _ in range(NUM_IMAGES)
        ]
        self._state = np.zeros(embodiment.state_dim, np.float32)

    def reset(self, start: Start) -> None:
        self._step = 0

    def command(self, action: np.ndarray) -> Outcome:
        self._step += 1
        return Outcome(0.0, False, False, None)

    def observe(self, cameras: Sequence[str]) -> Observation:
        images = self._images[self._step % NUM_IMAGES]
        return Observation(
            {name: images[name] for name in cameras}, self._state, "open the door", self._step / CONTROL_HZ
        )

    def close(self) -> None:
        pass


class Timed:
    """The fast part, whose decisions are timed, with the ages of their intents in control steps."""

    privileged = False

    def __init__(self, policy: Policy):
        self._policy = policy
        self.window, self.embodiment = policy.window, policy.embodiment
        self.times_s: list[float] = []
        self.ages: list[int] = []

    def start(self, num_rows: int) -> Any:
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        began_s = time.perf_counter()
        answer = self._policy.act(queries, carry)
        self.times_s.append(time.perf_counter() - began_s)
        self.ages += [one.intent.age(one.step) for one in queries if one.intent is not None]
        return answer


class Counted:
    """The slow part, whose thoughts are counted."""

    def __init__(self, thinker: Thinker):
        self._thinker = thinker
        self.thoughts = 0

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        self.thoughts += 1
        return self._thinker.think(queries)


def measure(recipe: str, seconds: float) -> dict[str, Any]:
    torch.set_num_threads(1)
    policy = make_policy(recipe)
    assert isinstance(policy, Thinker), f"{recipe} has two systems"
    assert policy.embodiment is not None, "its robot is known"
    robot = DrawnRobot(policy.embodiment)
    ratio = slow_of_fast(policy, policy, robot)
    fast, slow = Timed(policy), Counted(policy)
    thinking, slots = ThreadedThinking(fast, slow), PacedSlots(lambda spec: robot)
    spec, steps = EnvSpec("drawn", "move"), round(seconds * CONTROL_HZ)
    job = Job(spec, Start("drawn", "move", {}), "0", 0)
    load = os.getloadavg()[0]
    began_s = time.perf_counter()
    try:
        (found,) = rollout(thinking, slots, [job], execution=ChunkExecution(1), horizon=steps)
    finally:
        thinking.close()
    took_s = time.perf_counter() - began_s
    assert found.error is None, found.error
    p50, p99 = np.percentile(fast.times_s, [50, 99]) * 1000
    ages = np.percentile(fast.ages, [50, 99])
    return {
        "recipe": recipe,
        "decisions_hz": round(found.num_decisions / took_s, 1),
        "decisions": found.num_decisions,
        "late": round(slots.pacing.overruns / steps, 4),
        "latest_ms": round(slots.pacing.worst_s * 1000, 1),
        "decision_ms": {"p50": round(float(p50), 2), "p99": round(float(p99), 2)},
        "intent_age": {"p50": float(ages[0]), "p99": float(ages[1])},
        "thoughts_hz": round(slow.thoughts / took_s, 1),
        "slow_of_fast": round(ratio, 1),
        "load": round(load, 1),
    }


def slow_of_fast(policy: Policy, thinker: Thinker, robot: DrawnRobot) -> float:
    """The processor time of a thought, as a multiple of a decision's; medians, in turn."""
    query = Query((robot.observe(policy.window.observed),), "0", 0, 0)
    (intent,) = thinker.think([query])
    told, carry = replace(query, intent=intent), policy.start(1)
    times_s = []
    for _ in range(NUM_TIMED):
        marks = [time.process_time()]
        thinker.think([query])
        marks.append(time.process_time())
        policy.act([told], carry)
        marks.append(time.process_time())
        times_s.append(np.diff(marks))
    slow_s, fast_s = np.median(times_s[NUM_TIMED // 3 :], axis=0)
    return float(slow_s / fast_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="helix-tabletop")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.recipe, options.seconds)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
