"""PushT as a `Simulator`.

Deviations from the package: starts are explicit values; images are rendered only on request; progress is the best so
far.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float32, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.images import pad_to
from praxia.envs.pusht.starts import INSTRUCTIONS, short_name
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot

__all__ = ["CAMERA", "PushT", "embodiment"]

CAMERA = "top"
CONTROL_HZ = 10.0
SIDE_PX = 512.0


@cache
def embodiment(size: int) -> Embodiment:
    """A disc that follows a target position, below one camera of `size` pixels.

    The state contains the T too, as in published work: the middle of the outer edge of its cross bar, and its heading.
    Deviation: the cosine and sine of the angle instead of the angle, which jumps from a full turn to none.
    """
    # Data sets name the frame of these fields "picture": the pixels of the image.
    return Embodiment(
        name="pusht",
        state=(
            Field("agent", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),
            Field("block", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),
            Field("block_heading", 2, "position", "", frame="picture", low=-1.0, high=1.0),
        ),
        action=(Field("agent", 2, "position", "px", frame="picture", low=0.0, high=SIDE_PX),),
        cameras=(Camera(CAMERA, size, size),),
        control_hz=CONTROL_HZ,
    )


class PushT:
    """See `praxia.core.types.Simulator`. `spec.profile` is ignored: there is one way to render, the package's.

    The image is a square; between black bars where the camera's size is none.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = spec.sized(embodiment(spec.size))
        self.privileged_layout = {"agent": 2, "block": 3, "goal": 3}
        self._task = short_name(spec.task)
        self._size = spec.size_of(CAMERA)
        self._stock = PushTEnv()
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"agent": [x, y], "block": [x, y, angle]}`.

        As in the package, one step of physics (0.01 s) separates what overlaps.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("pusht", self._task):
            raise MismatchError(f"expected a start of pusht/{self._task}, got one of {start.env}/{start.task}")
        stock = self._stock
        # A new space, so that nothing of the previous episode is left.
        stock._setup()
        stock.agent.position = tuple(start.payload["agent"])
        *position, stock.block.angle = start.payload["block"]
        stock.block.position = tuple(position)
        stock.space.step(stock.dt)
        self._actions: list[Float32[np.ndarray, " A"]] = []
        self._progress = 0.0
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Move towards a target position for one control period. Targets outside the image are clipped.

        The reward is the package's: the fraction of the goal that the T covers, divided by the 95% that suffice and end
        the episode. Progress is the highest reward so far, so that an episode's progress is its published score.
        """
        target = np.clip(action, 0, SIDE_PX).astype(np.float32)
        self._actions.append(target)
        _, reward, terminated, truncated, info = self._stock.step(target.astype(np.float64))
        self._progress = max(self._progress, float(reward))
        return Outcome(float(reward), bool(terminated), truncated, bool(info["is_success"]), self._progress)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for an unknown camera."""
        images = {camera: self._render(camera) for camera in cameras}
        seen = self._stock.get_obs()
        assert isinstance(seen, np.ndarray)
        state = np.array([*seen[:4], np.cos(seen[4]), np.sin(seen[4])], np.float32)
        return Observation(images, state, INSTRUCTIONS[self._task], len(self._actions) / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`agent` float64[2]; `block` and `goal` float64[3] each, with continuous angles."""
        stock = self._stock
        return {
            "agent": np.array(stock.agent.position),
            "block": np.array([*stock.block.position, stock.block.angle]),
            "goal": stock.goal_pose.copy(),
        }

    def snapshot(self) -> bytes:
        """The start's key and all actions since, 8 bytes each before compression: 1.5 kB at the horizon.

        pymunk's solver begins each step with the impulses of the last one and with velocities that only separate
        overlapping bodies. These cannot be read, and without them the motion continues differently.
        """
        assert self._start is not None, "reset comes first"
        actions = np.array(self._actions, np.float32).reshape(-1, 2)
        return encode_snapshot({"start": self._start.key}, {"actions": actions})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start: replay all its actions, which takes some 0.3 ms each.

        Raises:
            MismatchError: the snapshot is of another episode.
        """
        assert self._start is not None, "reset comes first"
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        self.reset(self._start)
        for action in arrays["actions"]:
            self.command(action)

    def close(self) -> None:
        self._stock.close()

    def _render(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        if camera != CAMERA:
            raise UnknownName("camera", camera, [CAMERA], "praxia info --benchmarks")
        side = min(self._size)
        return pad_to(self._stock._get_img(self._stock._draw(), side, side), self._size)
