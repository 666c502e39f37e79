"""How fast episodes are judged, against a straight loop that renders at every step and runs one episode at a time.

One policy on all sides: a fresh convolutional encoder with a flow head, whose chunks of 8 actions are all executed. The
straight loop is what public evaluations do, with the package's own environment and renderer at its default quality: one
episode after the other, an image after each step, and the policy asked at every eighth. It draws as the graphics
library does by itself, which may use all cores. Praxia's side is `praxia eval`'s: worker processes that draw when
the policy looks. Both have LeRobot's camera and starts, the same two tasks, and episodes of the same number of steps,
which success does not end. Every environment is built and has drawn once before the clock starts.

`ratio_480` and `ratio_224` compare episodes a minute at that size and default quality on both sides; `ratio_fast`
compares 80 px under the profile "fast" with the straight loop at 480 px. Nothing is extrapolated: an episode is
shorter than a benchmark's.

`core_s_a_step` says where all cores' time goes, for one environment step: CPU time in physics (an episode's reset
too), drawing, inference, and transport (all other work of the processes), and in `idle` what was used by none of them.
On a machine that does something else too that is in `idle`, and the ratios say little: `core_ratio_...` are then the
better guess, those of a step's CPU time on one core to that of ours spread over all.

    python speed/evaluate.py [--episodes 4] [--steps 80] [--workers 2] [--json]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")  # for what comes next: MuJoCo chooses how it draws when it is imported

import numpy as np
import torch
from metaworld.env_dict import ENV_CLS_MAP

from praxia.checkpoint.store import PolicyConfig
from praxia.core.process import available_cores
from praxia.core.types import ChunkExecution, Decision, Env, EnvSpec, Observation, Outcome, Policy, Query, Start, Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.envs import build, find_family
from praxia.evaluate.benchmarks import Benchmark, find_benchmark
from praxia.evaluate.plan import Evaluation, plan
from praxia.evaluate.runner import SLOTS_PER_WORKER
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.types import Job
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer

CHUNK = 8
TASKS = ("door-open", "drawer-open")
CAMERA = "corner2"
MOST_INFERENCE_MS = 10.0


class Stopwatch:
    """CPU seconds of this process by what they were for."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def add(self, what: str, began_s: float) -> None:
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - began_s


@dataclass(frozen=True)
class Rate:
    """`episodes` of `steps` steps took `wall_s`, in which processes used so many CPU seconds for each purpose."""

    episodes: int
    steps: int
    wall_s: float
    cpu_s: Mapping[str, float]

    @property
    def a_minute(self) -> float:
        return 60 * self.episodes / self.wall_s

    @property
    def cpu_s_a_step(self) -> float:
        return sum(self.cpu_s.values()) / (self.episodes * self.steps)

    def to_json(self) -> dict[str, Any]:
        used = {**self.cpu_s, "idle": available_cores() * self.wall_s - sum(self.cpu_s.values())}
        steps = self.episodes * self.steps
        return {
            "episodes": self.episodes,
            "episodes_a_minute": round(self.a_minute, 2),
            "core_s_a_step": {what: round(seconds / steps, 5) for what, seconds in used.items()},
        }


class TimedPolicy:
    """The policy, and how long it thinks."""

    privileged = False

    def __init__(self, policy: Policy, stopwatch: Stopwatch):
        self._policy, self._stopwatch = policy, stopwatch
        self.window, self.embodiment = policy.window, policy.embodiment

    def start(self, num_rows: int) -> Any:
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        began_s = time.process_time()
        answer = self._policy.act(queries, carry)
        self._stopwatch.add("inference", began_s)
        return answer


# A worker has many environments and one total.
_worker = Stopwatch()


class TimedEnv:
    """An environment that leaves the CPU seconds of its process in a file at each look: workers end by being killed."""

    def __init__(self, env: Env, folder: Path):
        self._env, self._file = env, folder / str(os.getpid())
        self.embodiment = env.embodiment
        self.privileged, self.close = env.privileged, env.close
        self.snapshot, self.restore = env.snapshot, env.restore

    def reset(self, start: Start) -> None:
        began_s = time.process_time()
        self._env.reset(start)
        _worker.add("physics", began_s)

    def step(self, action: np.ndarray) -> Outcome:
        began_s = time.process_time()
        outcome = self._env.step(action)
        _worker.add("physics", began_s)
        return outcome

    def observe(self, cameras: Sequence[str]) -> Observation:
        began_s = time.process_time()
        seen = self._env.observe(cameras)
        _worker.add("drawing", began_s)
        self._file.write_text(json.dumps({**_worker.seconds, "all": time.process_time()}))
        return seen


def build_timed(folder: Path, spec: EnvSpec) -> Env:
    return TimedEnv(build(spec), folder)


def spent(folder: Path) -> dict[str, float]:
    """CPU seconds of all workers so far."""
    totals = [json.loads(file.read_text()) for file in folder.iterdir()]
    return {what: sum(one.get(what, 0.0) for one in totals) for what in ("physics", "drawing", "all")}


def fresh_policy(benchmark: Benchmark) -> Policy:
    """A policy for the benchmark's embodiment and images. Its weights are the same whatever the images' size."""
    torch.manual_seed(0)
    family = find_family(benchmark.env)
    embodiment = family.embodiment(benchmark.spec(TASKS[0]))
    words = TextTokenizer.fit(list(family.instructions.values()))
    unit = EmbodimentTransforms(state=Normaliser((-1.0,) * 4, (1.0,) * 4), action=Normaliser((-1.0,) * 4, (1.0,) * 4))
    encoder = FilmCNN(text=PooledText(width=32, num_heads=2), channels=(8, 8, 8, 8), width=64)
    model = EncoderHead(encoder=encoder, head=Flow(ResidualMLP(width=64, depth=1), num_steps=4))
    shapes = Shapes(
        (CAMERA,), num_images=1, num_states=1, embodiment_dims=((4, 4),), horizon=CHUNK, vocab_size=words.vocab_size
    )
    window = Window({f"image.{CAMERA}": (0,), "state": (0,)}, CHUNK)
    config = PolicyConfig(model, shapes, Transforms((unit,), words), (embodiment,), window, {})
    return config.build(model.build(shapes).state_dict()).bind(embodiment)


def straight(policy: Policy, jobs: Sequence[Job], size: int, steps: int) -> Rate:
    """One episode after the other, an image after every step."""
    stopwatch = Stopwatch()
    timed = TimedPolicy(policy, stopwatch)
    envs = {job.start.task: straight_env(job.start.task, size) for job in jobs}
    for env in envs.values():
        env.render()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for job in jobs:
        straight_episode(timed, envs[job.start.task], job, steps, stopwatch)
    wall_s, all_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    for env in envs.values():
        env.close()
    other = {"transport": all_s - sum(stopwatch.seconds.values())}
    return Rate(len(jobs), steps, wall_s, stopwatch.seconds | other)


def straight_env(task: str, size: int) -> Any:
    env: Any = ENV_CLS_MAP[f"{task}-v3"](render_mode="rgb_array", camera_name=CAMERA, width=size, height=size)
    env._set_task_called = True
    env.model.camera(CAMERA).pos = (0.75, 0.075, 0.7)
    env._last_rand_vec = np.array(find_family("metaworld-lerobot").draw_start(task, "test", 0).payload["rand_vec"])
    env.reset()
    return env


def straight_episode(policy: Policy, env: Any, job: Job, steps: int, stopwatch: Stopwatch) -> None:
    env._last_rand_vec = np.array(job.start.payload["rand_vec"])
    began_s = time.process_time()
    state, _ = env.reset()
    stopwatch.add("physics", began_s)
    image = straight_look(env, stopwatch)
    instruction = find_family("metaworld-lerobot").instructions[job.start.task]
    carry, chunk = policy.start(1), np.zeros((0, 4), np.float32)
    for step in range(steps):
        if step % CHUNK == 0:
            seen = Observation({CAMERA: image}, state[:4].astype(np.float32), instruction, 0.0)
            decisions, carry = policy.act([Query((seen,), job.key, step, 0)], carry)
            chunk = decisions[0].chunk
        began_s = time.process_time()
        state = env.step(chunk[step % CHUNK].clip(-1, 1))[0]
        stopwatch.add("physics", began_s)
        image = straight_look(env, stopwatch)


def straight_look(env: Any, stopwatch: Stopwatch) -> np.ndarray:
    began_s = time.process_time()
    image = np.ascontiguousarray(np.flip(env.render(), (0, 1)))
    stopwatch.add("drawing", began_s)
    return image


def pooled(policy: Policy, jobs: Sequence[Job], workers: int, steps: int) -> Rate:
    """As `praxia eval` runs them. One short episode a slot comes first, and is not counted."""
    stopwatch = Stopwatch()
    timed, execution = TimedPolicy(policy, stopwatch), ChunkExecution(CHUNK)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(WorkerPool(workers, SLOTS_PER_WORKER, partial(build_timed, folder))) as slots:
            first = [jobs[at % len(TASKS) * len(jobs) // len(TASKS)] for at in range(slots.num_slots)]
            list(rollout(timed, slots, first, execution=execution, horizon=1))
            stopwatch.seconds.clear()
            before, began_s, cpu_s = spent(folder), time.perf_counter(), time.process_time()
            trajectories = list(
                rollout(timed, slots, jobs, execution=execution, horizon=steps, steps_after_success=None)
            )
            wall_s, own_s, after = time.perf_counter() - began_s, time.process_time() - cpu_s, spent(folder)
    assert all(one.error is None and one.steps == steps for one in trajectories), [one.error for one in trajectories]
    workers_s = {what: after[what] - before[what] for what in after}
    all_s = own_s + workers_s.pop("all")
    known = workers_s | stopwatch.seconds
    return Rate(len(jobs), steps, wall_s, known | {"transport": all_s - sum(known.values())})


def inference_ms(policy: Policy, start: Start, size: int) -> float:
    """The CPU time of a decision for one image: the median of nine, after a first that is not counted."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size, size, 3), np.uint8)
    words = find_family("metaworld-lerobot").instructions[start.task]
    query = Query((Observation({CAMERA: image}, np.zeros(4, np.float32), words, 0.0),), start.key, 0, 0)
    carry, times = policy.start(1), []
    for _ in range(10):
        began_s = time.process_time()
        policy.act([query], carry)
        times.append(1000 * (time.process_time() - began_s))
    return sorted(times[1:])[4]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=4, help="of each of the two tasks; many more under fast")
    parser.add_argument("--steps", type=int, default=80, help="of an episode")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes that simulate")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lerobot = replace(find_benchmark("metaworld-mt50/lerobot"), tasks=TASKS, groups={})
    small, fast = replace(lerobot, size=224), replace(lerobot, size=80, profile="fast")

    def jobs(benchmark: Benchmark, episodes: int) -> list[Job]:
        return plan(Evaluation(benchmark, "", episodes), find_family(benchmark.env))

    policies = {one.size: fresh_policy(one) for one in (lerobot, small, fast)}
    thinking_ms = inference_ms(policies[480], jobs(lerobot, 1)[0].start, 480)
    assert thinking_ms <= MOST_INFERENCE_MS, f"a decision takes {thinking_ms:.1f} ms"
    rates = {
        "straight_480": straight(policies[480], jobs(lerobot, 1), 480, options.steps),
        "straight_224": straight(policies[224], jobs(small, 1), 224, options.steps),
        "praxia_480": pooled(policies[480], jobs(lerobot, options.episodes), options.workers, options.steps),
        "praxia_224": pooled(policies[224], jobs(small, options.episodes), options.workers, options.steps),
        "praxia_fast": pooled(policies[80], jobs(fast, 16 * options.episodes), options.workers, options.steps),
    }
    against = {"480": "straight_480", "224": "straight_224", "fast": "straight_480"}
    sides = {name: (rates[f"praxia_{name}"], rates[straight_one]) for name, straight_one in against.items()}
    found = {
        **{f"ratio_{name}": round(ours.a_minute / theirs.a_minute, 1) for name, (ours, theirs) in sides.items()},
        **{
            f"core_ratio_{name}": round(available_cores() * theirs.cpu_s_a_step / ours.cpu_s_a_step, 1)
            for name, (ours, theirs) in sides.items()
        },
        "inference_ms": round(thinking_ms, 1),
        "workers": options.workers,
        "steps": options.steps,
        **{name: rate.to_json() for name, rate in rates.items()},
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:14s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
