"""An environment of gymnasium as a `Simulator`."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float32, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, PraxiaError, UnknownName, crash_text
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.images import letterbox
from praxia.envs.gymnasium.declaration import RENDER, GymnasiumDeclaration
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot

__all__ = ["GymnasiumSimulator", "embodiment_of", "make_stock"]


def make_stock(declaration: GymnasiumDeclaration) -> gymnasium.Env:
    """The environment itself, by `gymnasium.make`.

    Raises:
        PraxiaError: it cannot be made; with gymnasium's reason.
    """
    renders = {"render_mode": "rgb_array"} if RENDER in declaration.images.values() else {}
    try:
        return gymnasium.make(declaration.id, disable_env_checker=True, **renders, **declaration.kwargs)
    except Exception as error:
        raise PraxiaError(f"gymnasium cannot make {declaration.id!r}: {crash_text(error)}") from error


def embodiment_of(declaration: GymnasiumDeclaration, stock: gymnasium.Env, spec: EnvSpec) -> Embodiment:
    """The embodiment of `declaration`, with the sizes of its cameras in `spec`.

    The action is one field, "action", where all its dims have one range, else a field for each dim. The state is one
    field for each entry that is named, or "state"; what its numbers mean gymnasium does not say.

    Raises:
        MismatchError: actions that are not one continuous array; observations without the entries that are named.
    """
    action, observed = stock.action_space, stock.observation_space
    if not isinstance(action, spaces.Box) or len(action.shape) != 1:
        raise MismatchError(f"expected one array of continuous actions of {declaration.id!r}, got {action}")
    entries = observed.spaces if isinstance(observed, spaces.Dict) else {}
    wanted = [*declaration.state, *(entry for entry in declaration.images.values() if entry != RENDER)]
    if unknown := [name for name in wanted if name not in entries]:
        raise UnknownName(f"observation of {declaration.id}", unknown[0], entries, "docs/GUIDE.md#gymnasium")
    state: list[Field] = []
    for name, space in ({name: entries[name] for name in declaration.state} or {"state": observed}).items():
        if not isinstance(space, spaces.Box):
            raise MismatchError(f"expected observation {name!r} of {declaration.id!r} as an array, got {space}")
        state.append(Field(name, int(np.prod(space.shape)), "position", ""))
    return spec.sized(
        Embodiment(
            name=declaration.name,
            state=tuple(state),
            action=_action_fields(action, declaration),
            cameras=tuple(Camera(name, spec.size, spec.size) for name in declaration.images),
            control_hz=declaration.rate_hz,
        )
    )


def _action_fields(space: spaces.Box, declaration: GymnasiumDeclaration) -> tuple[Field, ...]:
    ranges = [(_bound(low), _bound(high)) for low, high in zip(space.low, space.high, strict=True)]
    kind, unit = declaration.kind, declaration.unit
    if len(set(ranges)) == 1:
        return (Field("action", len(ranges), kind, unit, low=ranges[0][0], high=ranges[0][1]),)
    return tuple(Field(f"action_{at}", 1, kind, unit, low=low, high=high) for at, (low, high) in enumerate(ranges))


def _bound(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


class GymnasiumSimulator:
    """See `praxia.core.types.Simulator`. There is no privileged state, and `spec.profile` is ignored.

    A start's payload is `{"seed": n}`: the environment is reset with it. As gymnasium has no snapshots, one is the list
    of actions since the start, and restoring repeats them: bit for bit if the environment is deterministic, in as much
    time as they took. Recorded snapshots grow with the square of an episode's length, as those of PushT.

    Raises:
        PraxiaError, MismatchError, UnknownName: as `make_stock` and `embodiment_of`.
    """

    def __init__(self, declaration: GymnasiumDeclaration, spec: EnvSpec):
        self._declaration, self._stock = declaration, make_stock(declaration)
        self.embodiment = embodiment_of(declaration, self._stock, spec)
        self.privileged_layout: Mapping[str, int] = {}
        self._space, self._spec = self._stock.action_space, spec
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Raises MismatchError: the start is another environment's."""
        if start.env != self._declaration.name:
            raise MismatchError(f"expected a start of {self._declaration.name}, got one of {start.env}")
        self._seen, _ = self._stock.reset(seed=start.payload["seed"])
        self._actions: list[Float32[np.ndarray, " A"]] = []
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Actions outside the space are clipped, as a robot's driver does."""
        assert isinstance(self._space, spaces.Box)
        clipped = np.clip(action, self._space.low, self._space.high).astype(self._space.dtype)
        self._actions.append(clipped.astype(np.float32))
        self._seen, reward, terminated, truncated, info = self._stock.step(clipped)
        return Outcome(float(reward), bool(terminated), bool(truncated), self._success(float(reward), info))

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for an unknown camera, MismatchError for an image that is none."""
        assert self._start is not None, "reset comes first"
        images = {camera: self._image(camera) for camera in cameras}
        parts = [self._seen[name] for name in self._declaration.state] or [self._seen]
        state = np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)
        time_s = len(self._actions) / self._declaration.rate_hz
        return Observation(images, state, self._declaration.instruction, time_s)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """Nothing."""
        return {}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        actions = np.array(self._actions, np.float32).reshape(-1, self.embodiment.action_dim)
        return encode_snapshot({"start": self._start.key}, {"actions": actions})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        self.reset(self._start)
        for action in arrays["actions"]:
            self.command(action)

    def close(self) -> None:
        self._stock.close()

    def _success(self, reward: float, info: Mapping[str, Any]) -> bool | None:
        success = self._declaration.success
        if isinstance(success, str):
            # Some say it at an episode's end alone, or only once there is success: unknown would drop their failures.
            return bool(info.get(success, False))
        return None if success is None else reward >= success

    def _image(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        images = self._declaration.images
        if camera not in images:
            raise UnknownName("camera", camera, images, "docs/GUIDE.md#gymnasium")
        entry = images[camera]
        image = self._stock.render() if entry == RENDER else self._seen[entry]
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            got = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
            raise MismatchError(f"expected an image of {camera!r} as uint8 [Y, X, 3], got {got}")
        # A copy: environments may draw each image over the last one.
        return letterbox(image, self._spec.size_of(camera)).copy()
