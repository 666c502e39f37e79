"""Praxia's benchmarks in the harness of others: a benchmark class of vla-evaluation-harness (`vla-eval` 0.8.0).

The harness imports it by the name in its configuration, in an environment that has both packages:

    benchmarks:
      - benchmark: praxia.integrations.vla_eval:PraxiaBenchmark
        episodes_per_task: 10
        params: {benchmark: tabletop/train, seed: 0}

Episode i of a task is start i of `praxia eval`, and its noise has the same key. The harness asks for one action at a
time, so the server executes the chunks: `?execution_horizon=4` in the address of `praxia serve`, the benchmark's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError, PraxiaError, UnknownName, optional_import
from praxia.core.hold import HoldAction
from praxia.core.types import Observation, Outcome, SlotResult
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.plan import episode_key
from praxia.results.rows import actions_digest
from praxia.rollout.faults import action_fault
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Trajectory

with optional_import("a benchmark of vla-evaluation-harness", None):
    from vla_eval.benchmarks.base import Benchmark as HarnessBenchmark  # pyright: ignore[reportMissingImports]
    from vla_eval.specs import DimSpec  # pyright: ignore[reportMissingImports]

__all__ = ["PraxiaBenchmark"]

# What the harness exchanges are mappings with texts as keys.
Entries = dict[str, Any]


@dataclass
class _Episode:
    """The episode under way: its newest observation, and what was executed so far."""

    job: Job
    observation: Observation
    recorder: Any
    actions: list[Float32[np.ndarray, " A"]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    is_over: bool = False

    def trajectory(self, action_dim: int) -> Trajectory:
        actions = np.array(self.actions, np.float32).reshape(-1, action_dim)
        return Trajectory(self.job, actions, actions, tuple(self.outcomes), (), (), error=None, wall_s=0.0)


class PraxiaBenchmark(HarnessBenchmark):
    """The Praxia benchmark of the name `benchmark`, one episode at a time, in the harness's process.

    `cameras` are those that are rendered (None: all of the benchmark's). `praxia serve` tells the harness which ones
    its policy sees, and the harness passes them on. `seed` is that of the policy's noise, as in `praxia eval`.

    An episode's metrics hold, beside "success" and "progress", the "start" and the "actions_sha256" of the row that
    `praxia eval` writes. An environment that crashes, and an action that no robot should execute, are errors of the
    harness ("env_step"), which counts them as failures.

    Raises:
        UnknownName: no such benchmark or camera.
        MismatchError: a benchmark with a delay or a thinker. The harness waits for each action.
    """

    def __init__(self, benchmark: str, seed: int = 0, cameras: Sequence[str] | None = None):
        self._benchmark = find_benchmark(benchmark)
        execution = self._benchmark.execution
        if execution.is_delayed or execution.thinking is not None:
            raise MismatchError(
                f"expected a benchmark without a delay or a thinker, since vla-eval waits for each action, got"
                f" {benchmark!r}: use praxia eval"
            )
        known = self._benchmark.cameras
        self._cameras = known if cameras is None else tuple(cameras)
        if unknown := [camera for camera in self._cameras if camera not in known]:
            raise UnknownName(f"camera of {benchmark}", unknown[0], known, "praxia info --benchmarks")
        self._seed = seed
        self._family = find_family(self._benchmark.env)
        self._embodiment = self._family.embodiment(self._benchmark.spec(self._benchmark.tasks[0]))
        self._hold = HoldAction.of(self._embodiment)
        self._slots = LocalSlots(1, self._family.build)
        self._episode: _Episode | None = None
        # The number of each start, by its key.
        self._numbers: dict[str, int] = {}

    def get_tasks(self) -> list[Entries]:
        return [{"name": task, "suite": self._benchmark.name} for task in self._benchmark.tasks]

    def get_metadata(self) -> Entries:
        """The limit of steps; "execution_horizon" is for people."""
        execution_horizon = self._benchmark.execution.execution_horizon
        return {"max_steps": self._benchmark.horizon, "execution_horizon": execution_horizon}

    async def start_episode(self, task: Entries, recorder: Any = None) -> None:
        """Begin at the start of the number "episode_idx" of a task.

        `task` gets the entry "episode", the key of the policy's noise: the harness sends it to the server.

        Raises:
            PraxiaError: the task has fewer different starts.
        """
        name = task["name"]
        number = task.get("episode_idx", 0)
        start = self._family.draw_start(name, self._benchmark.split, number)
        if (first := self._numbers.setdefault(start.key, number)) != number:
            raise PraxiaError(f"expected another start of {name!r} as episode {number}, got that of {first}")
        task["episode"] = episode_key(self._seed, start)
        job = Job(self._benchmark.spec(name), start, task["episode"], 0)
        self._slots.begin(0, job.spec, start, self._cameras)
        observation = self._result().observation
        assert observation is not None, "a slot observes after it was begun"
        self._episode = _Episode(job, observation, recorder)

    async def apply_action(self, action: Entries) -> None:
        """Execute one action [A], in declared units."""
        episode, given = self._begun(), np.asarray(action["actions"], np.float32)
        if given.shape != (self._embodiment.action_dim,):
            raise MismatchError(f"expected one action [{self._embodiment.action_dim}], got {list(given.shape)}")
        if (fault := action_fault(given[None], self._embodiment, len(episode.actions))) is not None:
            raise PraxiaError(fault)
        stop_on_success = self._benchmark.steps_after_success == 0
        self._slots.advance(0, given[None], stop_on_success)
        result = self._result()
        (outcome,) = result.outcomes
        episode.actions.append(given)
        episode.outcomes.append(outcome)
        episode.is_over = outcome.terminated or outcome.truncated or (stop_on_success and bool(outcome.success))
        episode.observation = result.observation or episode.observation
        if episode.recorder is not None:
            episode.recorder.record_step(reward=outcome.reward, done=episode.is_over, success=outcome.success)

    async def get_observation(self) -> Entries:
        observation = self._begun().observation
        if (recorder := self._begun().recorder) is not None and self._cameras:
            recorder.record_video(observation.images[self._cameras[0]])
        known = {"state": observation.state, "task_description": observation.instruction}
        return {"images": dict(observation.images), **known}

    async def is_done(self) -> bool:
        return self._begun().is_over

    async def get_time(self) -> float:
        """Simulated seconds since the episode began."""
        return len(self._begun().actions) / self._embodiment.control_hz

    async def get_result(self) -> Entries:
        trajectory = self._begun().trajectory(self._embodiment.action_dim)
        return {
            "success": trajectory.status(self._benchmark.metric) == "success",
            "progress": trajectory.progress,
            "start": trajectory.job.start.key,
            "actions_sha256": actions_digest(trajectory.actions),
        }

    def get_metric_keys(self) -> dict[str, str]:
        return {"success": "mean", "progress": "mean"}

    def get_action_spec(self) -> dict[str, Any]:
        return {field.name: _spec(field) for field in self._embodiment.action}

    def get_observation_spec(self) -> dict[str, Any]:
        images = {camera: DimSpec("image", 0, "rgb_hwc_uint8") for camera in self._cameras}
        meaning = ", ".join(field.description for field in self._embodiment.state)
        state = DimSpec("state", self._embodiment.state_dim, meaning)
        return {**images, "state": state, "language": DimSpec("language", 0, "language")}

    def get_hold_action(self, last_action: Entries | None) -> Entries:
        """What holds the robot still, for the mode "live". It asks before any episode, too, whether there is one."""
        if last_action is not None:
            return {"actions": self._hold.after(np.asarray(last_action["actions"], np.float32))}
        unknown = np.zeros(self._embodiment.state_dim, np.float32)
        return {"actions": self._hold(unknown if self._episode is None else self._episode.observation.state)}

    def cleanup(self) -> None:
        self._slots.close()

    def _begun(self) -> _Episode:
        assert self._episode is not None, "the harness begins an episode first"
        return self._episode

    def _result(self) -> SlotResult:
        """What the slot reports.

        Raises:
            PraxiaError: the environment crashed.
        """
        (result,) = self._slots.ready()
        if result.error is not None:
            raise PraxiaError(result.error)
        return result


def _spec(field: Field) -> Any:
    """A field of the actions as the harness describes one."""
    limits = None if field.low is None or field.high is None else (field.low, field.high)
    return DimSpec(field.name, field.size, " ".join(filter(None, (field.kind, field.unit, field.frame))), limits)
