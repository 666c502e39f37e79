"""The numpy nouns and the interfaces between packages.

Axes: B batch, T observed moments, H actions ahead, A action dims, S state dims, K executed steps, C Y X image.
Actions are continuous and in the embodiment's declared units at every door.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, expect_positive
from praxia.core.keys import content_key

__all__ = [
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


@dataclass(frozen=True)
class Window:
    """Which moments a model sees and how many actions it predicts, in steps of the embodiment's control rate.

    `observation_steps` maps a modality ("state", "image.<camera>") to step offsets, at most 0, in rising order.
    `horizon` H actions follow: action[t] leads from observation t to observation t + 1, starting at t = 0.

    The order of its cameras counts: a network knows a camera by its place, so another order is another window.
    """

    observation_steps: Mapping[str, tuple[int, ...]]
    horizon: int

    def __eq__(self, other: object) -> bool:
        """Equal moments and horizon, and cameras in the same order, which equal mappings need not have."""
        if not isinstance(other, Window):
            return NotImplemented
        ours, theirs = ((one.cameras, one.observation_steps, one.horizon) for one in (self, other))
        return ours == theirs

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(name.removeprefix("image.") for name in self.observation_steps if name.startswith("image."))

    @property
    def num_images(self) -> int:
        """Images of all cameras and moments."""
        return sum(len(self.observation_steps[f"image.{camera}"]) for camera in self.cameras)

    @property
    def history(self) -> int:
        """How many past observations must be kept beside the newest one."""
        return max((-min(offsets) for offsets in self.observation_steps.values()), default=0)

    def for_embodiment(self, embodiment: Embodiment) -> "Window":
        """Without the cameras that `embodiment` does not have."""
        absent = {f"image.{camera}" for camera in self.cameras} - {
            f"image.{camera.name}" for camera in embodiment.cameras
        }
        return replace(
            self, observation_steps={name: at for name, at in self.observation_steps.items() if name not in absent}
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `from_json` turns back into an equal window.

        "cameras" lists them in their order, which a JSON object does not have: it is lost where names are sorted.
        """
        observation_steps = {name: list(at) for name, at in self.observation_steps.items()}
        return {"observation_steps": observation_steps, "cameras": list(self.cameras), "horizon": self.horizon}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Window":
        """The inverse of `to_json`. Without "cameras" they come as they are written in "moments".

        Raises:
            KeyError: a camera without moments.
        """
        observation_steps = {name: tuple(at) for name, at in value["observation_steps"].items()}
        first = [f"image.{camera}" for camera in value.get("cameras", ())]
        return cls({name: observation_steps[name] for name in [*first, *observation_steps]}, value["horizon"])


@dataclass(frozen=True)
class Observation:
    """One moment of one robot: images by camera, state in the embodiment's units, and the instruction."""

    images: Mapping[str, UInt8[np.ndarray, "Y X 3"]]
    state: Float32[np.ndarray, " S"]
    instruction: str
    time_s: float


@dataclass(frozen=True)
class Start:
    """An explicit initial state: everything a simulator needs to begin this one episode.

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
    """What one environment step led to. `success` holds at this step, not ever.

    `progress` in [0, 1] is the share of the task's parts done so far, such as 1/3 of "first ..., then ..., then ...".
    None: the environment counts no parts, and the task is done at success and not before.
    """

    reward: float
    terminated: bool
    truncated: bool
    success: bool
    progress: float | None = None


@runtime_checkable
class Env(Protocol):
    """One robot in one task. Nothing is drawn until `observe`."""

    embodiment: Embodiment

    def reset(self, start: Start) -> None:
        """Begin the episode that `start` describes: the same start gives the same episode, bit for bit."""

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Apply one action, in declared units, for one control period."""
        ...

    def observe(self, cameras: Sequence[str]) -> Observation:
        """The present moment, with an image from each of `cameras` and from no other."""
        ...

    def privileged(self) -> Mapping[str, np.ndarray]:
        """What the simulator knows and a robot does not. For experts and diagnostics only."""
        ...

    def snapshot(self) -> bytes:
        """The simulator's full state: never a pickle."""
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
    """What a policy is asked: the newest moments of one episode, oldest first, and who asks.

    `history[-1]` is now. `key` and `step` address the noise, `row` the carry. At step 0 the row's carry is new.
    """

    history: tuple[Observation, ...]
    key: str
    step: int
    row: int
    privileged: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Decision:
    """A chunk of actions in declared units.

    `label`, where it differs from `chunk`, is what a learner should imitate: an expert that disturbs its own
    motion to visit more states (DART, Laskey et al. 2017) records its undisturbed intent here.
    """

    chunk: Float32[np.ndarray, "H A"]
    valid: Bool[np.ndarray, " H"]
    label: Float32[np.ndarray, "H A"] | None = None


@runtime_checkable
class Policy(Protocol):
    """Weights only: everything about an episode lives in the carry or in the query.

    `privileged` says whether queries must hold privileged state (experts). `cameras` are what it looks at.
    """

    window: Window
    privileged: bool

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it was made for; None fits any."""
        ...

    def start(self, num_rows: int) -> Any:
        """A carry for `num_rows` episodes at once."""
        ...

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        """One decision a query, in order, and the carry after it."""
        ...


@dataclass(frozen=True)
class ChunkExecution:
    """How a chunk is used: `execution_horizon` actions of it are applied before the policy looks again.

    With an `ensemble` m the policy looks at every step, and what it has predicted for that step so far is averaged with
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
                f"ensembling averages the predictions for each step, so it needs a pace of 1 executed step, got"
                f" {self.execution_horizon}"
            )
        if not math.isfinite(self.ensemble):
            raise PraxiaError(f"expected a finite rate m of the ensemble's weights exp(-m i), got {self.ensemble}")


@dataclass(frozen=True)
class Sampling:
    """How a policy samples its chunks. None: as its own config says.

    A flow or a diffusion is integrated in `steps`; tokens are sampled at `temperature`, at 0 the likeliest ones.

    Raises:
        PraxiaError: no step, or a temperature that is negative or not finite.
    """

    steps: int | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.steps is not None:
            expect_positive(steps=self.steps)
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise PraxiaError(f"expected --temperature of 0 or more, and finite, got {self.temperature:g}")

    def to_json(self) -> dict[str, Any]:
        """The options that are not the policy's own."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class SlotResult:
    """What a slot of a `VectorEnv` reports after a reset or a run of steps.

    `outcomes` has one entry a step taken: fewer than asked when the episode ended on the way. `snapshots`
    holds the simulator state before each step taken where the slot was begun with `snapshots=True`. `error` is
    the text of a crash: the slot then needs a new `begin`. `lost` says that the process died in which the environment
    was, perhaps through no fault of this one.
    """

    slot: int
    observation: Observation | None
    privileged: Mapping[str, np.ndarray] | None = None
    outcomes: tuple[Outcome, ...] = ()
    snapshots: tuple[bytes, ...] = ()
    error: str | None = None
    lost: bool = False


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
        """Reset `slot` to `start` and look."""

    def advance(
        self, slot: int, actions: Float32[np.ndarray, "K A"], stop_on_success: bool, observe: bool = True
    ) -> None:
        """Apply up to K actions, stopping where the episode ends (or succeeds, if asked); then `observe` if it goes on."""

    def ready(self) -> list[SlotResult]:
        """Block until at least one slot has finished what it was asked; all that have, in slot order."""
        ...

    def close(self) -> None:
        """End every process and free every environment."""


@dataclass(frozen=True)
class Samples:
    """B windows out of a data set, as the transforms see them.

    `images` are [B, T, Y, X, 3]; each modality has its own T, and each camera its own Y and X.

    Moments before an episode's first step repeat the first and are not valid; actions after its last step repeat
    the last and are not valid. Images of a camera that a row's embodiment does not have are black and not valid.

    `embodiment` numbers each row's embodiment in a list that travels with the samples' source: a mixture's, a policy's. Dims
    of state and action that a row's embodiment does not have are zero.
    """

    images: Mapping[str, UInt8[np.ndarray, "B _ _ _ 3"]]
    image_valid: Mapping[str, Bool[np.ndarray, "B _"]]
    state: Float32[np.ndarray, "B T S"]
    state_valid: Bool[np.ndarray, "B T"]
    instruction: tuple[str, ...]
    embodiment: Int64[np.ndarray, " B"]
    action: Float32[np.ndarray, "B H A"] | None
    action_valid: Bool[np.ndarray, "B H"] | None
