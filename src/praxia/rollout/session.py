"""Sessions: a robot's own loop or a notebook queries a policy step by step, with observations as plain mappings."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.embodiment import Camera, Embodiment
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import ChunkExecution, Decision, Observation, Policy, Query
from praxia.data.images import letterbox
from praxia.rollout.corrected import Correcting, correcting
from praxia.rollout.faults import action_fault, decision_fault
from praxia.rollout.thinking import thinking
from praxia.rollout.timeline import Timeline, next_query
from praxia.rollout.types import Agent

__all__ = ["Session", "parse_observation"]

Channels = Literal["last", "first"]

ENTRIES = ("images", "state", "instruction", "streams")


class Session:
    """One robot under one policy: the session holds the episode, the policy holds nothing.

    An observation is a mapping: "images" {camera: array}, "state" (array [S], or {dim name: number}) in the
    embodiment's units, "instruction" (a text, "" if absent), and "streams" {name: array} where the policy sees any.
    Arrays are numpy or torch. Images are [Y, X, 3] (`channels="first"`: [3, Y, X]), uint8 in 0..255 or float in 0..1,
    of any size: they are letterboxed to the size of the training images. Observations are expected at the embodiment's
    control rate.

    `execution` says how many actions of a chunk `act` returns before it asks the policy again, and whether overlapping
    chunks are averaged. `key` addresses the policy's noise: the same key and observations give the same actions.

    Raises:
        MismatchError: a policy without an embodiment, or one that needs a simulator's privileged state; a delay.
        PraxiaError: ensembling of a policy that corrects its actions.
    """

    def __init__(self, policy: Policy, execution: ChunkExecution, *, key: str = "session", channels: Channels = "last"):
        embodiment = policy.embodiment
        if embodiment is None or policy.privileged:
            raise MismatchError("expected a policy with an embodiment and without privileged state, got an expert")
        if execution.is_delayed:
            raise MismatchError(f"expected no delay, since a session waits for each decision, got {execution}")
        self.embodiment: Embodiment = embodiment
        agent = correcting(thinking(Agent(policy, execution)))
        self._policy = agent.policy
        self._execution = agent.execution
        self._corrects = isinstance(agent.policy, Correcting)
        self._channels: Channels = channels
        self._key = key
        self._episode = -1
        self.reset()

    def reset(self) -> None:
        """Begin the next episode: no history, no pending actions, other noise."""
        self._episode += 1
        self._step = 0
        self._history: deque[Observation] = deque(maxlen=self._policy.window.history + 1)
        self._timeline = Timeline(self._execution.ensemble)
        self._next_query = 0
        self._carry = self._policy.start(1)

    def act(self, observation: Mapping[str, Any]) -> Float32[np.ndarray, " A"]:
        """The next action, in declared units.

        Raises:
            MismatchError, UnknownName: the observation does not fit the policy, and says where.
            PraxiaError: the policy gave an action that no robot should execute.
        """
        self._observe(observation)
        if self._step >= self._next_query:
            decision = self._decide(self._planned())
            self._timeline = self._timeline.add(decision, self._step, self._step)
            horizon, num_executable = self._execution.execution_horizon, decision.num_executable
            self._next_query = next_query(self._step, self._step, num_executable, horizon, 0)
        actions = self._timeline.stretch(self._step, self._step + 1).actions
        if (fault := action_fault(actions, self.embodiment, self._step)) is not None:
            self._drop_pending()  # whoever goes on gets a new decision
            raise PraxiaError(fault)
        self._step += 1
        return actions[0].copy()

    def chunk(self, observation: Mapping[str, Any]) -> Float32[np.ndarray, "H A"]:
        """All actions that the policy predicts from here, in declared units; actions pending from `act` are dropped.

        Raises as `act` does, and MismatchError for a policy that corrects each action by the newest observation.
        """
        if self._corrects:
            raise MismatchError("expected act() of a policy that corrects its actions one by one, got chunk()")
        self._observe(observation)
        chunk = _executable(self._decide())
        if (fault := action_fault(chunk, self.embodiment, self._step)) is not None:
            raise PraxiaError(fault)
        self._step += 1
        self._drop_pending()
        return chunk

    def _drop_pending(self) -> None:
        self._timeline = Timeline(self._execution.ensemble)
        self._next_query = self._step

    def _planned(self) -> Float32[np.ndarray, "K A"] | None:
        """What earlier decisions say from here on (`Query.planned`)."""
        if not self._timeline.chunks or self._execution.ensemble is not None:
            return None
        return self._timeline.stretch(self._step, self._timeline.end).actions

    def _observe(self, observation: Mapping[str, Any]) -> None:
        time_s = self._step / self.embodiment.control_hz
        cameras = self._policy.window.cameras
        self._history.append(parse_observation(observation, self.embodiment, cameras, time_s, self._channels))

    def _decide(self, planned: Float32[np.ndarray, "K A"] | None = None) -> Decision:
        query = Query(tuple(self._history), f"{self._key}/{self._episode}", self._step, 0, planned=planned)
        (decision,), self._carry = self._policy.act([query], self._carry)
        if (fault := decision_fault(decision, self.embodiment, self._step)) is not None:
            raise PraxiaError(fault)
        return decision


def _executable(decision: Decision) -> Float32[np.ndarray, "K A"]:
    """A copy of the actions before the first that is not valid: a policy may reuse its arrays."""
    return decision.chunk[: decision.num_executable].copy()


def parse_observation(
    value: Mapping[str, Any], embodiment: Embodiment, cameras: tuple[str, ...], time_s: float, channels: Channels
) -> Observation:
    """A plain mapping, as `Session` takes it, as an observation of `embodiment` with images of `cameras`.

    Raises:
        MismatchError: a missing entry, another shape or dtype, a number that is not finite, a float image beyond 0..1.
        UnknownName: an entry, a camera or a state dim of another name.
    """
    for name in value:
        if name not in ENTRIES:
            raise UnknownName("entry of an observation", name, ENTRIES, "help(Session)")
    instruction = value.get("instruction", "")
    if not isinstance(instruction, str):
        raise MismatchError(f"expected the instruction as a text, got {type(instruction).__name__}")
    given = value.get("images", {})
    sizes = {camera.name: camera for camera in embodiment.cameras}
    for name in given:
        if name not in sizes:
            raise UnknownName("camera", name, sizes, "praxia info POLICY")
    if missing := [name for name in cameras if name not in given]:
        raise MismatchError(f"expected an image of camera {missing[0]!r}, got images of {sorted(given) or 'none'}")
    images = {name: _image(given[name], sizes[name], channels) for name in cameras}
    if "state" not in value and embodiment.state_dim:
        raise MismatchError(f"expected a state of {embodiment.state_dim} numbers, got none")
    state = _state(value.get("state", np.zeros(0, np.float32)), embodiment)
    return Observation(images, state, instruction, time_s, streams=_streams(value.get("streams", {}), embodiment))


def _streams(given: Mapping[str, Any], embodiment: Embodiment) -> dict[str, np.ndarray]:
    """The streams of `embodiment`, which are those that its policy sees."""
    found = {}
    for stream in embodiment.streams:
        if stream.name not in given:
            raise MismatchError(
                f"expected stream {stream.name!r} ({stream.description}), got {sorted(given) or 'none'}"
            )
        found[stream.name] = _array(given[stream.name])
        stream.expect(found[stream.name], "an observation")
        if not np.isfinite(found[stream.name]).all():
            raise MismatchError(f"expected a finite stream {stream.name!r}, got {found[stream.name]}")
    return found


def _array(value: Any) -> np.ndarray:
    """A numpy array of a numpy array, a torch tensor on any device, or nested lists."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _image(value: Any, camera: Camera, channels: Channels) -> UInt8[np.ndarray, "Y X 3"]:
    image = _array(value)
    expected = "[Y, X, 3]" if channels == "last" else "[3, Y, X]"
    if image.ndim != 3 or image.shape[-1 if channels == "last" else 0] != 3:
        other = '; for the other order give channels="first" or "last" to session()'
        raise MismatchError(f"expected an image {expected} of camera {camera.name!r}, got {list(image.shape)}{other}")
    image = image if channels == "last" else image.transpose(1, 2, 0)
    if image.dtype.kind == "f":
        if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
            raise MismatchError(
                f"expected a float image of camera {camera.name!r} within 0..1, got values from {image.min():g} to"
                f" {image.max():g}; images in 0..255 are uint8"
            )
        image = np.rint(image * 255).astype(np.uint8)
    if image.dtype != np.uint8:
        raise MismatchError(f"expected an image of uint8 or float of camera {camera.name!r}, got {image.dtype}")
    return letterbox(image, (camera.height, camera.width))


def _state(value: Any, embodiment: Embodiment) -> Float32[np.ndarray, " S"]:
    if isinstance(value, Mapping):
        names = _state_names(embodiment)
        if len(names) != embodiment.state_dim:
            raise MismatchError(f"expected the state as an array [{embodiment.state_dim}]: its dims have no names")
        for name in value:
            if name not in names:
                raise UnknownName("dim of the state", name, names, "praxia info POLICY")
        if missing := [name for name in names if name not in value]:
            raise MismatchError(f"expected a number for the state's dim {missing[0]!r}, got {sorted(value)}")
        value = [float(value[name]) for name in names]
    state = _array(value)
    if state.shape != (embodiment.state_dim,) or state.dtype.kind not in "fiu":
        names = _state_names(embodiment)
        what = f" ({', '.join(names)})" if len(names) == embodiment.state_dim else ""
        raise MismatchError(
            f"expected a state of {embodiment.state_dim} numbers{what}, got {state.dtype} {list(state.shape)}"
        )
    state = state.astype(np.float32)
    if not np.isfinite(state).all():
        names, at = _state_names(embodiment), int(np.isfinite(state).argmin())
        raise MismatchError(f"expected a finite state, got {state[at]} for dim {names[at] if names else at}")
    return state


def _state_names(embodiment: Embodiment) -> list[str]:
    """The names of the state's dims: of all of them, of some, or none."""
    return [name for field in embodiment.state for name in field.dims]
