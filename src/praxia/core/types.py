"""The values and interfaces that packages exchange, in numpy.

Axes: B batch, T observation steps, F later steps, P past actions, H actions ahead, A action dims, S state dims,
K executed steps, C Y X image. Actions are continuous and in the embodiment's declared units between packages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, expect_positive
from praxia.core.keys import content_key

__all__ = [
    "EVERY_CAMERA",
    "ChunkExecution",
    "Decision",
    "Env",
    "EnvSpec",
    "Observation",
    "Outcome",
    "Policy",
    "Query",
    "Samples",
    "Sampling",
    "SlotResult",
    "Start",
    "VectorEnv",
    "Window",
]


# Stands for every camera of the data in a window.
EVERY_CAMERA = "image.*"


@dataclass(frozen=True)
class Window:
    """Which observation steps a model sees and what it predicts, in steps of the embodiment's control rate.

    `observation_steps` maps a modality ("state", "image.<camera>") to step offsets, at most 0, in rising order; those
    of "action", the actions before the present, are at most -1. `horizon` H actions follow (0: none, as for video
    without actions): action[t] leads from observation t to observation t + 1, starting at t = 0.

    Only training has what follows. `targets` maps modalities to offsets of at least 1: the later observations that a
    model of the world predicts. With `outcomes`, each of the H steps has its reward, and whether the task ended there
    (an episode that was cut off did not).

    The order of cameras counts: a network knows a camera by its position, so another order is another window.

    The modality "image.*" stands for every camera of the data, which a recipe does not know; `with_cameras` names them.

    Raises:
        PraxiaError: targets that are not after the present, or not in rising order; actions that are not before it.
    """

    observation_steps: Mapping[str, tuple[int, ...]]
    horizon: int
    targets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outcomes: bool = False

    def __post_init__(self) -> None:
        if max(past := self.observation_steps.get("action", ()), default=-1) > -1:
            raise PraxiaError(f"expected past actions at steps up to -1, got {list(past)}")
        for name, offsets in self.targets.items():
            if not offsets or offsets[0] < 1 or any(one >= other for one, other in pairwise(offsets)):
                raise PraxiaError(f"expected targets of {name} at rising steps from 1, got {list(offsets)}")

    def __eq__(self, other: object) -> bool:
        """Equal steps and horizon, and cameras in the same order, which equal mappings need not have."""
        if not isinstance(other, Window):
            return NotImplemented
        ours, theirs = (
            (one.cameras, one.observation_steps, one.horizon, one.targets, one.outcomes) for one in (self, other)
        )
        return ours == theirs

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that are observed, in order."""
        return _cameras(self.observation_steps)

    @property
    def target_cameras(self) -> tuple[str, ...]:
        """The cameras whose later images are targets, in order."""
        return _cameras(self.targets)

    @property
    def sees_every_camera(self) -> bool:
        """Whether the cameras are still those of the data, whatever these are."""
        return EVERY_CAMERA in self.observation_steps

    def with_cameras(self, cameras: Sequence[str]) -> "Window":
        """The window with each of `cameras`, in that order, in place of "image.*"; without that, the same window."""
        named = (_with_cameras(steps, cameras) for steps in (self.observation_steps, self.targets))
        return replace(self, **dict(zip(("observation_steps", "targets"), named, strict=True)))

    @property
    def num_images(self) -> int:
        """The number of images: of all cameras at all their observation steps."""
        return sum(len(self.observation_steps[f"image.{camera}"]) for camera in self.cameras)

    @property
    def history(self) -> int:
        """The number of past observations to keep beside the newest one."""
        return max((-min(offsets) for offsets in self.observation_steps.values()), default=0)

    def for_embodiment(self, embodiment: Embodiment) -> "Window":
        """The window without the cameras that `embodiment` does not have."""
        known = {f"image.{camera.name}" for camera in embodiment.cameras}

        def present(steps: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
            return {name: at for name, at in steps.items() if name in known or not name.startswith("image.")}

        return replace(self, observation_steps=present(self.observation_steps), targets=present(self.targets))

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal window.

        "cameras" lists them in order, because a JSON object has none: sorting its names would lose it.
        """
        observation_steps, targets = (
            {name: list(at) for name, at in steps.items()} for steps in (self.observation_steps, self.targets)
        )
        found = {"observation_steps": observation_steps, "cameras": list(self.cameras), "horizon": self.horizon}
        training = {"targets": targets, "outcomes": self.outcomes}
        return found | {name: value for name, value in training.items() if value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Window":
        """The inverse of `to_json`. Without "cameras" their order is that of "observation_steps".

        Raises:
            KeyError: a camera without observation steps.
        """
        observation_steps = {name: tuple(at) for name, at in value["observation_steps"].items()}
        first = [f"image.{camera}" for camera in value.get("cameras", ())]
        ordered = {name: observation_steps[name] for name in [*first, *observation_steps]}
        targets = {name: tuple(at) for name, at in value.get("targets", {}).items()}
        return cls(ordered, value["horizon"], targets, value.get("outcomes", False))


def _cameras(steps: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    return tuple(name.removeprefix("image.") for name in steps if name.startswith("image."))


def _with_cameras(steps: Mapping[str, tuple[int, ...]], cameras: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, at in steps.items():
        names = [f"image.{camera}" for camera in cameras] if name == EVERY_CAMERA else [name]
        found.update(dict.fromkeys(names, at))
    return found


@dataclass(frozen=True)
class Observation:
    """One timestep of one robot: images by camera, state in the embodiment's units, and the instruction."""

    images: Mapping[str, UInt8[np.ndarray, "Y X 3"]]
    state: Float32[np.ndarray, " S"]
    instruction: str
    time_s: float


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
    """What one environment step led to. `success` is about this step alone, not the episode.

    `progress` in [0, 1] is the share of the task's subtasks done so far, such as 1/3 of "first ..., then ..., then
    ...". None: the environment counts no subtasks.
    """

    reward: float
    terminated: bool
    truncated: bool
    success: bool
    progress: float | None = None


@runtime_checkable
class Env(Protocol):
    """One robot in one task. Nothing is rendered until `observe`."""

    embodiment: Embodiment

    def reset(self, start: Start) -> None:
        """Begin the episode that `start` describes: the same start gives the same episode, bit for bit."""

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Apply one action, in declared units, for one control period."""
        ...

    def observe(self, cameras: Sequence[str]) -> Observation:
        """The present observation, with an image from each of `cameras` and no other."""
        ...

    def privileged(self) -> Mapping[str, np.ndarray]:
        """Simulator state that a robot cannot observe, for experts and diagnostics only."""
        ...

    def snapshot(self) -> bytes:
        """The simulator's full state, never pickled."""
        ...

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of this episode, bit for bit."""

    def close(self) -> None:
        """Free the simulator and its graphics."""


@dataclass(frozen=True)
class EnvSpec:
    """A plain value from which a worker process builds its `Env` (`praxia.envs.build`).

    `env` is a name of the `envs` registry, `profile` one of its render profiles, `size` the image's side in
    pixels. `wrappers` are names of `praxia.envs.wrappers`, applied in order.
    """

    env: str
    task: str
    profile: str = "fast"
    size: int = 64
    wrappers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """The input of one decision: the newest observations of one episode, oldest first, and the episode's identity.

    `history[-1]` is the present. `key` and `step` select the noise, `row` the carry. At step 0 the row's carry is new.
    """

    history: tuple[Observation, ...]
    key: str
    step: int
    row: int
    privileged: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Decision:
    """A chunk of actions in declared units.

    `label` is the action to imitate where it differs from `chunk`: an expert that disturbs its own motion to visit more
    states (DART, Laskey et al. 2017) records the undisturbed action here.

    `fault` says why there is no chunk, such as "raised KeyError: 'front'", where the code of somebody else's policy
    failed on this episode (`policies.foreign`).
    """

    chunk: Float32[np.ndarray, "H A"]
    valid: Bool[np.ndarray, " H"]
    label: Float32[np.ndarray, "H A"] | None = None
    fault: str | None = None

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


@dataclass(frozen=True)
class ChunkExecution:
    """How a chunk is used: `execution_horizon` actions of it are executed before the next decision.

    With an `ensemble` m the policy decides at every step, and its predictions for that step so far are averaged with
    weights exp(-m i), i = 0 the oldest prediction: ACT's temporal ensembling (`rollout/ensemble.py`).

    Raises:
        PraxiaError: an ensemble of chunks that are executed for more than one step, or an m that is not finite.
    """

    execution_horizon: int
    ensemble: float | None = None

    def __post_init__(self) -> None:
        if self.ensemble is None:
            return
        if self.execution_horizon != 1:
            raise PraxiaError(
                f"ensembling averages the predictions for each step, so it needs an execution horizon of 1, got"
                f" {self.execution_horizon}"
            )
        if not math.isfinite(self.ensemble):
            raise PraxiaError(f"expected a finite rate m of the ensemble's weights exp(-m i), got {self.ensemble}")


@dataclass(frozen=True)
class Sampling:
    """How a policy samples its chunks. None: as in its config.

    Flow and diffusion heads integrate in `steps`; token heads sample at `temperature`, at 0 the likeliest tokens.

    Raises:
        PraxiaError: fewer than 1 step, or a temperature that is negative or not finite.
    """

    steps: int | None = None
    temperature: float | None = None

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
    `outcomes` has one entry per executed step: fewer than requested when the episode ended before. `snapshots`
    holds the simulator state before each executed step if the slot was begun with `snapshots=True`. `error` is
    the text of a crash: the slot then needs a new `begin`. `lost`: the environment's process died, perhaps
    because of another environment in it.
    """

    slot: int
    observation: Observation | None
    privileged: Mapping[str, np.ndarray] | None = None
    outcomes: tuple[Outcome, ...] = ()
    snapshots: tuple[bytes, ...] = ()
    error: str | None = None
    lost: bool = False
    earlier: tuple[Observation, ...] = ()


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
        """

    def ready(self) -> list[SlotResult]:
        """Block until at least one slot has finished its call; the results of all that have, in slot order."""
        ...

    def close(self) -> None:
        """End every process and free every environment."""


@dataclass(frozen=True)
class Samples:
    """B windows of data sets, as the transforms see them.

    `images` are [B, T, Y, X, 3]; each modality has its own T, and each camera its own Y and X.

    Observations before an episode's first step repeat the first and are not valid; actions after its last step repeat
    the last and are not valid. Images of a camera that a row's embodiment does not have are black and not valid.

    `embodiment` is each row's index into the embodiments of the mixture or policy that the samples belong to. Dims of
    state and action that a row's embodiment does not have are zero.

    The targets are later observations, in the order of `Window.targets`; those after an episode's last step repeat the
    last and are not valid. Past actions before its first step repeat the first and are not valid. `reward` and
    `terminated` belong to the steps of `action`, and are valid where it is. What the window does not have is None.
    """

    images: Mapping[str, UInt8[np.ndarray, "B _ _ _ 3"]]
    image_valid: Mapping[str, Bool[np.ndarray, "B _"]]
    state: Float32[np.ndarray, "B T S"]
    state_valid: Bool[np.ndarray, "B T"]
    instruction: tuple[str, ...]
    embodiment: Int64[np.ndarray, " B"]
    action: Float32[np.ndarray, "B H A"] | None
    action_valid: Bool[np.ndarray, "B H"] | None
    target_images: Mapping[str, UInt8[np.ndarray, "B _ _ _ 3"]] = field(default_factory=dict)
    target_image_valid: Mapping[str, Bool[np.ndarray, "B _"]] = field(default_factory=dict)
    target_state: Float32[np.ndarray, "B F S"] | None = None
    target_state_valid: Bool[np.ndarray, "B F"] | None = None
    past_action: Float32[np.ndarray, "B P A"] | None = None
    past_action_valid: Bool[np.ndarray, "B P"] | None = None
    reward: Float32[np.ndarray, "B H"] | None = None
    terminated: Bool[np.ndarray, "B H"] | None = None
