"""Evaluation speed, against a sequential loop that renders at every step and runs one episode at a time.

Both sides run the same policy: a fresh convolutional encoder with a flow head, whose chunks of 8 actions are executed
completely. The sequential loop is what public evaluations do, with the package's own environment and renderer at its
default quality: one episode after the other, an image after each step, and a new chunk at every eighth. It renders with
the graphics library's defaults, which may use all cores. Praxia's side is that of `praxia eval`: worker processes that
render only what the policy observes. Both have LeRobot's camera and starts, the same two tasks, and episodes of the
same number of steps, which success does not end. Every environment is built and has rendered once before timing starts.

`ratio_480` and `ratio_224` compare episodes per minute at that size and default quality on both sides; `ratio_fast`
compares 80 px under the profile "fast" with the sequential loop at 480 px. Nothing is extrapolated: episodes are
shorter than a benchmark's.

`core_s_per_step` splits the time of all cores per environment step: CPU time in physics (including resets), rendering,
inference, transport (all other work of the processes), and `idle`, the rest. On a busy machine other load appears as
`idle` and the ratios say little; `core_ratio_...`, the CPU time per step of the sequential loop on one core relative to
ours spread over all cores, are then the better estimate.

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

os.environ.setdefault("MUJOCO_GL", "egl")  # before the imports below: MuJoCo selects its renderer at import

import numpy as np
import torch
from metaworld.env_dict import ENV_CLS_MAP

from praxia.checkpoint.store import PolicyConfig
from praxia.core.process import available_cores
from praxia.core.simulator import expect_simulator
from praxia.core.types import ChunkExecution, Decision, EnvSpec, Observation, Outcome, Policy, Query, Simulator, Start
from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.envs import build, find_family
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.evaluation.plan import Evaluation, plan
from praxia.evaluation.runner import SLOTS_PER_WORKER
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
MAX_INFERENCE_MS = 10.0


class Stopwatch:
    """CPU seconds of this process by purpose."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def add(self, purpose: str, began_s: float) -> None:
        self.seconds[purpose] = self.seconds.get(purpose, 0.0) + time.process_time() - began_s


@dataclass(frozen=True)
class Rate:
    """`episodes` of `steps` steps took `wall_s` seconds, in which processes used `cpu_s` CPU seconds by purpose."""

    episodes: int
    steps: int
    wall_s: float
    cpu_s: Mapping[str, float]

    @property
    def episodes_per_minute(self) -> float:
        return 60 * self.episodes / self.wall_s

    @property
    def cpu_s_per_step(self) -> float:
        return sum(self.cpu_s.values()) / (self.episodes * self.steps)

    def to_json(self) -> dict[str, Any]:
        used = {**self.cpu_s, "idle": available_cores() * self.wall_s - sum(self.cpu_s.values())}
        steps = self.episodes * self.steps
        return {
            "episodes": self.episodes,
            "episodes_per_minute": round(self.episodes_per_minute, 2),
            "core_s_per_step": {purpose: round(seconds / steps, 5) for purpose, seconds in used.items()},
        }


class TimedPolicy:
    """A policy whose inference time is measured."""

    privileged = False

    def __init__(self, policy: Policy, stopwatch: Stopwatch):
        self._policy, self._stopwatch = policy, stopwatch
        self.window, self.embodiment = policy.window, policy.embodiment

    def start(self, num_rows: int) -> Any:
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        began_s = time.process_time()
        decisions = self._policy.act(queries, carry)
        self._stopwatch.add("inference", began_s)
        return decisions


# All environments of a worker process add to one total.
_worker_stopwatch = Stopwatch()


class TimedEnv:
    """An environment that writes its process's CPU seconds to a file when observed, because workers end by a kill."""

    def __init__(self, env: Simulator, folder: Path):
        self._env, self._file = env, folder / str(os.getpid())
        self.embodiment, self.privileged_layout = env.embodiment, env.privileged_layout
        self.privileged, self.close = env.privileged, env.close
        self.snapshot, self.restore = env.snapshot, env.restore

    def reset(self, start: Start) -> None:
        began_s = time.process_time()
        self._env.reset(start)
        _worker_stopwatch.add("physics", began_s)

    def command(self, action: np.ndarray) -> Outcome:
        began_s = time.process_time()
        outcome = self._env.command(action)
        _worker_stopwatch.add("physics", began_s)
        return outcome

    def observe(self, cameras: Sequence[str]) -> Observation:
        began_s = time.process_time()
        observation = self._env.observe(cameras)
        _worker_stopwatch.add("rendering", began_s)
        self._file.write_text(json.dumps({**_worker_stopwatch.seconds, "all": time.process_time()}))
        return observation


def build_timed(folder: Path, spec: EnvSpec) -> Simulator:
    return TimedEnv(expect_simulator(build(spec), "a measurement"), folder)


def worker_seconds(folder: Path) -> dict[str, float]:
    """CPU seconds of all workers so far."""
    totals = [json.loads(file.read_text()) for file in folder.iterdir()]
    return {name: sum(one.get(name, 0.0) for one in totals) for name in ("physics", "rendering", "all")}


def fresh_policy(benchmark: Benchmark) -> Policy:
    """A policy for the benchmark's embodiment and images. Its weights do not depend on the size of images."""
    torch.manual_seed(0)
    family = find_family(benchmark.env)
    embodiment = family.embodiment(benchmark.spec(TASKS[0]))
    tokenizer = TextTokenizer.fit(list(family.instructions.values()))
    unit = EmbodimentTransforms(state=Normaliser((-1.0,) * 4, (1.0,) * 4), action=Normaliser((-1.0,) * 4, (1.0,) * 4))
    encoder = FilmCNN(text=PooledText(width=32, num_heads=2), channels=(8, 8, 8, 8), width=64)
    model = EncoderHead(encoder=encoder, head=Flow(ResidualMLP(width=64, depth=1), num_steps=4))
    shapes = Shapes(
        (CAMERA,), num_images=1, num_states=1, embodiment_dims=((4, 4),), horizon=CHUNK, vocab_size=tokenizer.vocab_size
    )
    window = Window({f"image.{CAMERA}": (0,), "state": (0,)}, CHUNK)
    config = PolicyConfig(model, shapes, Transforms((unit,), tokenizer), (embodiment,), window, {})
    return config.build(model.build(shapes).state_dict()).bind(embodiment)


def sequential(policy: Policy, jobs: Sequence[Job], size: int, steps: int) -> Rate:
    """The sequential loop: one episode after the other, an image after every step."""
    stopwatch = Stopwatch()
    timed = TimedPolicy(policy, stopwatch)
    envs = {job.start.task: make_sequential_env(job.start.task, size) for job in jobs}
    for env in envs.values():
        env.render()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for job in jobs:
        run_sequential_episode(timed, envs[job.start.task], job, steps, stopwatch)
    wall_s, all_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    for env in envs.values():
        env.close()
    other = {"transport": all_s - sum(stopwatch.seconds.values())}
    return Rate(len(jobs), steps, wall_s, stopwatch.seconds | other)


def make_sequential_env(task: str, size: int) -> Any:
    env: Any = ENV_CLS_MAP[f"{task}-v3"](render_mode="rgb_array", camera_name=CAMERA, width=size, height=size)
    env._set_task_called = True
    env.model.camera(CAMERA).pos = (0.75, 0.075, 0.7)
    env._last_rand_vec = np.array(find_family("metaworld-lerobot").draw_start(task, "test", 0).payload["rand_vec"])
    env.reset()
    return env


def run_sequential_episode(policy: Policy, env: Any, job: Job, steps: int, stopwatch: Stopwatch) -> None:
    env._last_rand_vec = np.array(job.start.payload["rand_vec"])
    began_s = time.process_time()
    state, _ = env.reset()
    stopwatch.add("physics", began_s)
    image = render_image(env, stopwatch)
    instruction = find_family("metaworld-lerobot").instructions[job.start.task]
    carry, chunk = policy.start(1), np.zeros((0, 4), np.float32)
    for step in range(steps):
        if step % CHUNK == 0:
            observation = Observation({CAMERA: image}, state[:4].astype(np.float32), instruction, 0.0)
            decisions, carry = policy.act([Query((observation,), job.key, step, 0)], carry)
            chunk = decisions[0].chunk
        began_s = time.process_time()
        state = env.step(chunk[step % CHUNK].clip(-1, 1))[0]
        stopwatch.add("physics", began_s)
        image = render_image(env, stopwatch)


def render_image(env: Any, stopwatch: Stopwatch) -> np.ndarray:
    began_s = time.process_time()
    image = np.ascontiguousarray(np.flip(env.render(), (0, 1)))
    stopwatch.add("rendering", began_s)
    return image


def pooled(policy: Policy, jobs: Sequence[Job], workers: int, steps: int) -> Rate:
    """The episodes as `praxia eval` runs them, after one uncounted short episode per slot."""
    stopwatch = Stopwatch()
    timed, execution = TimedPolicy(policy, stopwatch), ChunkExecution(CHUNK)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(WorkerPool(workers, SLOTS_PER_WORKER, partial(build_timed, folder))) as slots:
            first = [jobs[slot % len(TASKS) * len(jobs) // len(TASKS)] for slot in range(slots.num_slots)]
            list(rollout(timed, slots, first, execution=execution, horizon=1))
            stopwatch.seconds.clear()
            before, began_s, cpu_s = worker_seconds(folder), time.perf_counter(), time.process_time()
            trajectories = list(
                rollout(timed, slots, jobs, execution=execution, horizon=steps, steps_after_success=None)
            )
            wall_s, own_s, after = time.perf_counter() - began_s, time.process_time() - cpu_s, worker_seconds(folder)
    assert all(one.error is None and one.steps == steps for one in trajectories), [one.error for one in trajectories]
    workers_s = {name: after[name] - before[name] for name in after}
    all_s = own_s + workers_s.pop("all")
    measured = workers_s | stopwatch.seconds
    return Rate(len(jobs), steps, wall_s, measured | {"transport": all_s - sum(measured.values())})


def inference_ms(policy: Policy, start: Start, size: int) -> float:
    """The CPU time of a decision for one image: the median of nine, after an uncounted first."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size, size, 3), np.uint8)
    instruction = find_family("metaworld-lerobot").instructions[start.task]
    query = Query((Observation({CAMERA: image}, np.zeros(4, np.float32), instruction, 0.0),), start.key, 0, 0)
    carry, times = policy.start(1), []
    for _ in range(10):
        began_s = time.process_time()
        policy.act([query], carry)
        times.append(1000 * (time.process_time() - began_s))
    return sorted(times[1:])[4]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--episodes", type=int, default=4, help="episodes per task; 16 times as many under the profile fast"
    )
    parser.add_argument("--steps", type=int, default=80, help="steps per episode")
    parser.add_argument("--workers", type=int, default=available_cores(), help="number of simulator processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lerobot = replace(find_benchmark("metaworld-mt50/lerobot"), tasks=TASKS, groups={})
    small, fast = replace(lerobot, size=224), replace(lerobot, size=80, profile="fast")

    def jobs(benchmark: Benchmark, episodes: int) -> list[Job]:
        return plan(Evaluation(benchmark, "", episodes), find_family(benchmark.env))

    policies = {one.size: fresh_policy(one) for one in (lerobot, small, fast)}
    decision_ms = inference_ms(policies[480], jobs(lerobot, 1)[0].start, 480)
    assert decision_ms <= MAX_INFERENCE_MS, (
        f"expected at most {MAX_INFERENCE_MS} ms per decision, got {decision_ms:.1f}"
    )
    rates = {
        "sequential_480": sequential(policies[480], jobs(lerobot, 1), 480, options.steps),
        "sequential_224": sequential(policies[224], jobs(small, 1), 224, options.steps),
        "praxia_480": pooled(policies[480], jobs(lerobot, options.episodes), options.workers, options.steps),
        "praxia_224": pooled(policies[224], jobs(small, options.episodes), options.workers, options.steps),
        "praxia_fast": pooled(policies[80], jobs(fast, 16 * options.episodes), options.workers, options.steps),
    }
    baselines = {"480": "sequential_480", "224": "sequential_224", "fast": "sequential_480"}
    sides = {name: (rates[f"praxia_{name}"], rates[baseline]) for name, baseline in baselines.items()}
    found = {
        **{
            f"ratio_{name}": round(ours.episodes_per_minute / theirs.episodes_per_minute, 1)
            for name, (ours, theirs) in sides.items()
        },
        **{
            f"core_ratio_{name}": round(available_cores() * theirs.cpu_s_per_step / ours.cpu_s_per_step, 1)
            for name, (ours, theirs) in sides.items()
        },
        "inference_ms": round(decision_ms, 1),
        "workers": options.workers,
        "steps": options.steps,
        **{name: rate.to_json() for name, rate in rates.items()},
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:14s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
