"""PushT as an `Env`.

Deviations from the package: starts as explicit values; images only on request; progress is the best so far.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float32, UInt8

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.pusht.embodiment import CAMERA, CONTROL_HZ, SIDE_PX, embodiment
from praxia.envs.pusht.starts import INSTRUCTIONS, short_name
from praxia.envs.snapshots import decode, encode

__all__ = ["PushT"]


class PushT:
    """See `praxia.core.types.Env`. There is one way to draw, the package's, so `spec.profile` says nothing.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = embodiment(spec.size)
        self._task = short_name(spec.task)
        self._size = spec.size
        self._stock = PushTEnv()
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"agent": [x, y], "block": [x, y, angle]}`.

        As in the package one step of physics (0.01 s) parts what overlaps.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("pusht", self._task):
            raise MismatchError(f"expected a start of pusht/{self._task}, got one of {start.env}/{start.task}")
        stock = self._stock
        # A new space: nothing of the episode before is left in it.
        stock._setup()
        stock.agent.position = tuple(start.payload["agent"])
        *place, stock.block.angle = start.payload["block"]
        stock.block.position = tuple(place)
        stock.space.step(stock.dt)
        self._actions: list[Float32[np.ndarray, " A"]] = []
        self._progress = 0.0
        self._start = start

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Go towards a place for one control period. Places outside the image are clipped.

        The reward is the package's: the share of the goal that the T covers, as a fraction of the 95% that are enough
        and end the episode. Progress is the highest reward so far, so that an episode's is its score in the field.
        """
        place = np.clip(action, 0, SIDE_PX).astype(np.float32)
        self._actions.append(place)
        _, reward, terminated, truncated, info = self._stock.step(place.astype(np.float64))
        self._progress = max(self._progress, float(reward))
        return Outcome(float(reward), bool(terminated), truncated, bool(info["is_success"]), self._progress)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for a camera that is not there."""
        images = {camera: self._draw(camera) for camera in cameras}
        seen = self._stock.get_obs()
        assert isinstance(seen, np.ndarray)
        state = np.array([*seen[:4], np.cos(seen[4]), np.sin(seen[4])], np.float32)
        return Observation(images, state, INSTRUCTIONS[self._task], len(self._actions) / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`agent` float64[2]; `block` and `goal` float64[3] each, with angles that do not jump."""
        stock = self._stock
        return {
            "agent": np.array(stock.agent.position),
            "block": np.array([*stock.block.position, stock.block.angle]),
            "goal": stock.goal_pose.copy(),
        }

    def snapshot(self) -> bytes:
        """The start's key and the actions since, 8 bytes each before compression: 1.5 kB at the horizon.

        pymunk's solver begins each step with the impulses of the last and with velocities that only push overlapping
        bodies apart. These cannot be read, and without them positions, velocities and angles go on differently.
        """
        assert self._start is not None, "reset comes first"
        actions = np.array(self._actions, np.float32).reshape(-1, 2)
        return encode({"start": self._start.key}, {"actions": actions})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start: does all its actions again, which takes some 0.3 ms each.

        Raises:
            MismatchError: a snapshot of another episode.
        """
        assert self._start is not None, "reset comes first"
        values, arrays = decode(snapshot)
        if values["start"] != self._start.key:
            raise MismatchError(
                f"this snapshot is of start {values['start']}, but the episode under way has start {self._start.key}; "
                "reset to the snapshot's own start first"
            )
        self.reset(self._start)
        for action in arrays["actions"]:
            self.step(action)

    def close(self) -> None:
        self._stock.close()

    def _draw(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        if camera != CAMERA:
            raise UnknownName("camera", camera, [CAMERA], "praxia info --benchmarks")
        return self._stock._get_img(self._stock._draw(), self._size, self._size)
