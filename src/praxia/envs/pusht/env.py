"""PushT as a `Simulator`.

Deviations from the package: starts are explicit values; images are rendered only on request; progress is the best so
far.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float32, Float64, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.images import pad_to
from praxia.envs.pusht.starts import AS_SHOWN, INSTRUCTIONS, short_name
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot

__all__ = ["CAMERA", "SIDE_PX", "PushT", "embodiment"]

# The camera, and in the task "as-shown" the image that it would show at the goal.
CAMERA, GOAL = "top", "goal"
CONTROL_HZ = 10.0
SIDE_PX = 512.0

# How near agent and T together, and the T's angle, must come to a goal that an image shows.
REACHED_PX, REACHED_RAD = 20.0, np.pi / 9


@cache
def embodiment(size: int, task: str = "push") -> Embodiment:
    """A disc that follows a target position, below one camera of `size` pixels; "as-shown" has an image of the goal.

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
        cameras=tuple(Camera(name, size, size) for name in (CAMERA, GOAL)[: 1 + (task == AS_SHOWN)]),
        control_hz=CONTROL_HZ,
    )


class PushT:
    """See `praxia.core.types.Simulator`. `spec.profile` is ignored: there is one way to render, the package's.

    The image is a square; between black bars where the camera's size is none.

    In the task "as-shown" success is that of DINO-WM's evaluation (Zhou et al. 2024): the positions of agent and T,
    four numbers, within 20 px of those of the goal, and the angle within 20 degrees. Nothing ends the episode, and the
    reward is by how much the distance of the four numbers decreases, in pixels.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = spec.sized(embodiment(spec.size, spec.task))
        self.privileged_layout = {"agent": 2, "block": 3, "goal": 3}
        self._task = short_name(spec.task)
        self._sizes = {camera.name: (camera.height, camera.width) for camera in self.embodiment.cameras}
        self._stock = PushTEnv()
        # Where the goal is drawn: moving the bodies of the other would change what follows.
        self._goal = PushTEnv() if self._task == AS_SHOWN else None
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"agent": [x, y], "block": [x, y, angle]}`, and "goal" of "as-shown" alike.

        As in the package, one step of physics (0.01 s) separates what overlaps.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("pusht", self._task):
            raise MismatchError(f"expected a start of pusht/{self._task}, got one of {start.env}/{start.task}")
        _place(self._stock, start.payload)
        if self._goal is not None:
            _place(self._goal, start.payload["goal"])
            self._left_px = self._apart()[0]
        self._actions: list[Float32[np.ndarray, " A"]] = []
        self._progress = 0.0
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Move towards a target position for one control period. Targets outside the image are clipped.

        The reward is the package's: the fraction of the goal that the T covers, divided by the 95% that suffice and end
        the episode. Progress is the highest reward so far, so that an episode's progress is its published score. In the
        task "as-shown" reward, success and end are as the class says, and progress is unknown.
        """
        target = np.clip(action, 0, SIDE_PX).astype(np.float32)
        self._actions.append(target)
        _, reward, terminated, truncated, info = self._stock.step(target.astype(np.float64))
        if self._goal is not None:
            before_px, (self._left_px, angle) = self._left_px, self._apart()
            reached = self._left_px < REACHED_PX and angle < REACHED_RAD
            return Outcome(before_px - self._left_px, terminated=False, truncated=False, success=reached)
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
        """`agent` float64[2]; `block` and `goal`, that of the T, float64[3] each, with continuous angles."""
        stock, shown = self._stock, self._goal
        return {
            "agent": np.array(stock.agent.position),
            "block": _pose(stock),
            "goal": stock.goal_pose.copy() if shown is None else _pose(shown),
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
        if self._goal is not None:
            self._goal.close()

    def _apart(self) -> tuple[float, float]:
        """How far agent and T together are from the goal, in pixels, and the T's angle, in radians."""
        assert self._goal is not None, "a task with a goal"
        here, there = (np.array([*one.agent.position, *_pose(one)]) for one in (self._stock, self._goal))
        turned = abs(here[4] - there[4]) % (2 * np.pi)
        return float(np.linalg.norm(here[:4] - there[:4])), float(min(turned, 2 * np.pi - turned))

    def _render(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        if camera not in self._sizes:
            raise UnknownName("camera", camera, [*self._sizes], "praxia info --benchmarks")
        stock = self._goal if camera == GOAL and self._goal is not None else self._stock
        size = self._sizes[camera]
        return pad_to(stock._get_img(stock._draw(), min(size), min(size)), size)


def _place(stock: PushTEnv, poses: Mapping[str, Sequence[float | int]]) -> None:
    """Put agent and T there, in a new space, so that nothing of the previous episode is left."""
    stock._setup()
    stock.agent.position = tuple(poses["agent"])
    *position, stock.block.angle = poses["block"]
    stock.block.position = tuple(position)
    stock.space.step(stock.dt)


def _pose(stock: PushTEnv) -> Float64[np.ndarray, "3"]:
    return np.array([*stock.block.position, stock.block.angle])
