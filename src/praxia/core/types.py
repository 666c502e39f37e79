"""The values and interfaces that packages exchange, in numpy.

Axes: H actions ahead, A action dims, S state dims, K executed steps, Y X image. Actions are continuous and in the
embodiment's declared units between packages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8

from praxia.core.delays import DelayTrace
from praxia.core.embodiment import Camera, Embodiment
from praxia.core.errors import PraxiaError, UnknownName, expect_positive
from praxia.core.intent import Intent, Thinking
from praxia.core.keys import content_key
from praxia.core.window import Window

__all__ = [
    "ACTORS",
    "FINAL_OBSERVATION",
    "Actor",
    "ChunkExecution",
    "CompileMode",
    "Decision",
    "EnvSpec",
    "Guidance",
    "LimitsDelay",
    "Observation",
    "Outcome",
    "Policy",
    "Query",
    "Robot",
    "Sampling",
    "Simulator",
    "SlotResult",
    "Start",
    "Status",
    "VectorEnv",
]


@dataclass(frozen=True)
class Observation:
    """One timestep of one robot: images by camera, state in the embodiment's units, and the instruction.

    `streams` are the named streams that were asked for (`core.embodiment.Stream`).

    `time_s` is when it was observed, in seconds since the episode began. `times_s` holds, by stream ("state",
    "image.<camera>", or a name), when a stream was measured, where that was at another time: a camera's image is older
    than the state that is read with it.
    """

    images: Mapping[str, UInt8[np.ndarray, "Y X 3"]]
    state: Float32[np.ndarray, " S"]
    instruction: str
    time_s: float
    times_s: Mapping[str, float] = field(default_factory=dict)
    streams: Mapping[str, Shaped[np.ndarray, "..."]] = field(default_factory=dict)

    def time_of(self, stream: str) -> float:
        """When `stream` was measured, in seconds since the episode began."""
        return self.times_s.get(stream, self.time_s)


@dataclass(frozen=True)
class Start:
    """An explicit initial state: everything a simulator needs to begin one episode.

    `payload` is a JSON value that only the environment named `env` reads. `key` is the hash of all three.
    """

    env: str
    task: str
    payload: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        return content_key(self.to_json())

    def to_json(self) -> dict[str, Any]:
        return {"env": self.env, "task": self.task, "payload": self.payload}


@dataclass(frozen=True)
class Outcome:
    """What one environment step led to. `success` is about this step alone, not the episode; None: unknown.

    `progress` in [0, 1] is the share of the task's subtasks done so far, such as 1/3 of "first ..., then ..., then
    ...". None: the environment counts no subtasks.
    """

    reward: float
    terminated: bool
    truncated: bool
    success: bool | None
    progress: float | None = None


# How an episode ended; "unknown" where nobody knows whether it succeeded, "error" where it crashed.
Status = Literal["success", "failure", "unknown", "error"]


@runtime_checkable
class Robot(Protocol):
    """One robot in one task. Nothing is rendered, and no camera is read, until `observe`.

    The sizes of its images are those of the embodiment's cameras.
    """

    embodiment: Embodiment

    def reset(self, start: Start) -> None:
        """Begin an episode from `start`. A robot cannot reproduce it: its payload is for whoever arranges the scene."""

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Apply one action, in declared units, for one control period."""
        ...

    def observe(self, cameras: Sequence[str]) -> Observation:
        """The present observation, with an image from each of `cameras` and no other.

        Among these are the names of the embodiment's `streams` that are wanted.
        """
        ...

    def close(self) -> None:
        """Free the simulator and its graphics, or disconnect."""


@runtime_checkable
class Simulator(Robot, Protocol):
    """A robot that begins from explicit starts: `reset` with the same start gives the same episode, bit for bit.

    `privileged_layout` declares the numbers of its privileged state: how many each name has, in order, as
    `core.simulator.flat_privileged` makes one vector of them. Texts, such as a verb, are not part of it.
    """

    @property
    def privileged_layout(self) -> Mapping[str, int]:
        """How many numbers each entry of the privileged state has."""
        ...

    def privileged(self) -> Mapping[str, np.ndarray]:
        """Simulator state that a robot cannot observe, for experts and diagnostics only."""
        ...

    def snapshot(self) -> bytes:
        """The simulator's full state, never pickled."""
        ...

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of this episode, bit for bit."""


@dataclass(frozen=True)
class EnvSpec:
    """A plain value from which a worker process builds its `Robot` (`praxia.envs.build`).

    `env` is a name of the `envs` registry, `profile` one of its render profiles. `size` is the side of the images in
    pixels, but for cameras in `sizes`, whose images have that (height, width); a robot whose cameras have sizes of
    their own gives images of at most as many pixels. `options` are keyword arguments of what makes the environment.
    `wrappers` are names of `praxia.envs.wrappers`, applied in order.

    Raises:
        PraxiaError: a height or width below 1.
    """

    env: str
    task: str
    profile: str = "fast"
    size: int = 64
    wrappers: tuple[str, ...] = ()
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict, hash=False)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for camera, size in self.sizes.items():
            if len(size) != 2 or min(size) < 1:
                raise PraxiaError(f"expected (height, width) in pixels of camera {camera!r}, got {tuple(size)}")

    def size_of(self, camera: str) -> tuple[int, int]:
        """(height, width) of the images of `camera`."""
        return self.sizes.get(camera, (self.size, self.size))

    def sized(self, embodiment: Embodiment) -> Embodiment:
        """`embodiment` with the sizes of its cameras in this environment.

        Raises:
            UnknownName: one of `sizes` is of no camera.
        """
        known = [camera.name for camera in embodiment.cameras]
        if unknown := [name for name in self.sizes if name not in known]:
            raise UnknownName("camera", unknown[0], known, "praxia info --benchmarks")
        return replace(embodiment, cameras=tuple(Camera(name, *self.size_of(name)) for name in known))

    def to_json(self) -> dict[str, Any]:
        """A JSON object; without "options" and "sizes" where there are none, as in files from before they existed."""
        value = {**asdict(self), "sizes": {name: list(size) for name, size in self.sizes.items()}}
        return {name: one for name, one in value.items() if one or name not in ("options", "sizes")}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "EnvSpec":
        """The inverse of `to_json`."""
        sizes = {name: (height, width) for name, (height, width) in value.get("sizes", {}).items()}
        return cls(**{**value, "wrappers": tuple(value["wrappers"]), "sizes": sizes})


@dataclass(frozen=True)
class Query:
    """The input of one decision: the newest observations of one episode, oldest first, and the episode's identity.

    `history[-1]` is the present. `key` and `step` select the noise, `row` the carry. At step 0 the row's carry is new.

    The first `delay` steps from the present are expected to pass while the policy decides: with a fixed delay they do,
    else it is the longest of the last ten delays. `committed` holds the actions, in declared
    units, that are executed meanwhile: those at the beginning of the chunk, which the policy cannot change any more.
    There are `delay` of them. None: without a delay, and at an episode's first decision, which the robot waits for.

    `planned` holds all that the last decision left for the steps from the present on: first what is committed, then
    what a new decision replaces. None: at an episode's first decision, and under ensembling, where nothing is planned
    beyond what is committed.

    `intent` is the newest one of a thinker beside the policy (`rollout.thinking`); it is `intent.age(step)` steps old.
    """

    history: tuple[Observation, ...]
    key: str
    step: int
    row: int
    privileged: Mapping[str, np.ndarray] | None = None
    delay: int = 0
    committed: Float32[np.ndarray, "D A"] | None = None
    planned: Float32[np.ndarray, "P A"] | None = None
    intent: Intent | None = None


# Who chose an action: a learned policy, an expert that took over, or a person.
Actor = Literal["policy", "expert", "person"]
ACTORS: tuple[Actor, ...] = get_args(Actor)


@dataclass(frozen=True)
class Decision:
    """A chunk of actions in declared units.

    `label` is the action to imitate where it differs from `chunk`: an expert that disturbs its own motion to visit more
    states (DART, Laskey et al. 2017) records the undisturbed action here.

    `fault` says why there is no chunk, such as "raised KeyError: 'front'", where the code of somebody else's policy
    failed on this episode (`policies.foreign`).

    `extras` are numbers about each action, [H, ...] by name: its log-probability, the value of the state, its noise.
    Every decision of an episode has the same ones. `actor` is who chose the chunk; None: the policy does not say.
    """

    chunk: Float32[np.ndarray, "H A"]
    valid: Bool[np.ndarray, " H"]
    label: Float32[np.ndarray, "H A"] | None = None
    fault: str | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    actor: Actor | None = None

    @property
    def num_executable(self) -> int:
        """How many actions come before the first that is not valid."""
        return len(self.valid) if self.valid.all() else int(self.valid.argmin())


@runtime_checkable
class Policy(Protocol):
    """Weights only: everything about an episode is in the carry or in the query.

    `privileged` says whether queries must hold privileged state (experts). `window` names the cameras it sees.
    """

    window: Window
    privileged: bool

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for; None: any."""
        ...

    def start(self, num_rows: int) -> Any:
        """A carry for `num_rows` episodes at once."""
        ...

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        """One decision per query, in order, and the new carry."""
        ...


@runtime_checkable
class LimitsDelay(Protocol):
    """A policy that may have been trained for delays of up to a length."""

    @property
    def longest_delay(self) -> int | None:
        """The longest delay, in control steps, that it takes; None: any."""
        ...


@dataclass(frozen=True)
class ChunkExecution:
    """How a chunk is used: `execution_horizon` actions of it are executed before the next decision.

    With an `ensemble` m the policy decides at every step, and its predictions for that step so far are averaged with
    weights exp(-m i), i = 0 the oldest prediction: ACT's temporal ensembling (`rollout/ensemble.py`).

    A decision takes effect `delay` control steps after its observation: as long as policy and network take on a
    robot. Until then the actions of earlier decisions are executed (`Query.committed`), and the chunk's first `delay`
    actions never are. Where none is ready, the robot is held still. One decision is made at a time, so the next
    observation is at least `delay` steps later. Only an episode's first decision takes effect at once, since the robot
    waits for it. This is the execution of real-time chunking (Black et al. 2025, arXiv 2506.07339) and of asynchronous
    inference; `rollout.timeline` has the rules. With a `trace` each decision's delay is drawn from it, by the episode's
    key and the step.

    `thinking` says how often the slow one of two systems observes and how late its intent arrives
    (`rollout.thinking`). A policy that is not two systems acts as without it.

    Raises:
        PraxiaError: an ensemble of chunks that are executed for more than one step, an m that is not finite, a
            negative delay, or a delay beside a trace.
    """

    execution_horizon: int
    ensemble: float | None = None
    delay: int = 0
    trace: DelayTrace | None = None
    thinking: Thinking | None = None

    def __post_init__(self) -> None:
        if self.delay < 0:
            raise PraxiaError(f"expected a delay of 0 control steps or more, got {self.delay}")
        if self.delay and self.trace is not None:
            raise PraxiaError(f"expected a fixed delay or a trace of delays, got {self.delay} and a trace")
        if self.ensemble is None:
            return
        if self.execution_horizon != 1:
            raise PraxiaError(
                f"ensembling averages the predictions for each step, so it needs an execution horizon of 1, got"
                f" {self.execution_horizon}"
            )
        if not math.isfinite(self.ensemble):
            raise PraxiaError(f"expected a finite rate m of the ensemble's weights exp(-m i), got {self.ensemble}")

    @property
    def is_delayed(self) -> bool:
        """Whether a decision takes effect later than it is asked for."""
        return self.delay > 0 or self.trace is not None

    def delay_at(self, episode: str, step: int) -> int:
        """The delay, in control steps, of the decision at `step` of the episode with that key."""
        return self.delay if self.trace is None else self.trace.draw(episode, step)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; without what there is none of, but for "ensemble", as in files from before it existed."""
        value = {"execution_horizon": self.execution_horizon, "ensemble": self.ensemble}
        timed = {
            "delay": self.delay,
            "trace": None if self.trace is None else self.trace.key,
            "thinking": None if self.thinking is None else self.thinking.to_json(),
        }
        return value | {name: one for name, one in timed.items() if one}


# How a chunk is guided to what is committed and planned: by the gradient through the network, or as if that were the
# identity.
Guidance = Literal["vjp", "identity"]
# How a policy is compiled for use: its kernels by torch, or these captured as one CUDA graph, too (a GPU).
CompileMode = Literal["kernels", "cuda-graph"]


@dataclass(frozen=True)
class Sampling:
    """How a policy samples its chunks. None: as in its config.

    Flow and diffusion heads integrate in `steps`, and under a delay may be guided (`heads/real_time.py`); token heads
    sample at `temperature`, at 0 the likeliest tokens. With `precision` "bf16" weights and arithmetic are rounded
    (`nn/precision.py`), which changes actions a little.

    Raises:
        PraxiaError: fewer than 1 step, or a temperature that is negative or not finite.
    """

    steps: int | None = None
    temperature: float | None = None
    guidance: Guidance | None = None
    precision: Literal["bf16"] | None = None

    def __post_init__(self) -> None:
        if self.steps is not None:
            expect_positive(steps=self.steps)
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise PraxiaError(f"expected --temperature of 0 or more, and finite, got {self.temperature:g}")

    def to_json(self) -> dict[str, Any]:
        """The options that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class SlotResult:
    """What a slot of a `VectorEnv` reports after a reset or a run of steps.

    `observation` is the present one, `earlier` are those within the executed steps that were asked for, oldest first.
    After the last step of an episode that is over there is none, unless `FINAL_OBSERVATION` was asked for.
    `outcomes` has one entry per executed step: fewer than requested when the episode ended before. `snapshots`
    holds the simulator state before each executed step if the slot was begun with `snapshots=True`. `error` is
    the text of a crash: the slot then needs a new `begin`. `lost`: the environment's process died, perhaps
    because of another environment in it. `overruns` counts the executed steps that came late in real time.
    """

    slot: int
    observation: Observation | None
    privileged: Mapping[str, np.ndarray] | None = None
    outcomes: tuple[Outcome, ...] = ()
    snapshots: tuple[bytes, ...] = ()
    error: str | None = None
    lost: bool = False
    earlier: tuple[Observation, ...] = ()
    overruns: int = 0


# Among the steps to observe: the one with which the episode ends, whichever it is.
FINAL_OBSERVATION = -1


@runtime_checkable
class VectorEnv(Protocol):
    """Many environments behind per-slot, asynchronous calls: a process pool, local environments, a world model."""

    num_slots: int

    def begin(
        self,
        slot: int,
        spec: EnvSpec,
        start: Start,
        cameras: Sequence[str],
        *,
        privileged: bool = False,
        snapshots: bool = False,
    ) -> None:
        """Reset `slot` to `start` and observe."""

    def advance(
        self,
        slot: int,
        actions: Float32[np.ndarray, "K A"],
        stop_on_success: bool,
        observe: Sequence[int] | None = None,
    ) -> None:
        """Execute up to K actions, until the episode ends (or succeeds, with `stop_on_success`).

        It observes after so many steps as `observe` lists, in rising order from 1 to K (None: after the last alone).
        Nothing is observed after a step with which the episode ends, unless `observe` has `FINAL_OBSERVATION` too.
        """

    def ready(self) -> list[SlotResult]:
        """Block until at least one slot has finished its call; the results of all that have, in slot order."""
        ...

    def close(self) -> None:
        """End every process and free every environment."""
