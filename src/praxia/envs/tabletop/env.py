"""Tabletop as an `Env`: one robot, one scene, one instruction at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.render import Mounted, draw, find_profile
from praxia.envs.snapshots import decode, encode
from praxia.envs.tabletop.goals import goals_from_json
from praxia.envs.tabletop.model import FRONT, NUM_SUBSTEPS, build_model, place_fixtures
from praxia.envs.tabletop.reading import Reading
from praxia.envs.tabletop.robots.robot import WRIST, Robot
from praxia.envs.tabletop.scene import Scene
from praxia.envs.tabletop.success import SuccessChecker
from praxia.envs.tabletop.tasks import short_name
from praxia.envs.tabletop.teacher import lesson

__all__ = ["CAMERAS", "Tabletop"]

CAMERAS = (FRONT, WRIST)

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


class Tabletop:
    """See `praxia.core.types.Env`. Any start of any task can be begun; `spec.task` only has to be a task.

    `model` and `data` are MuJoCo's own, for whoever wants more than observations: see `senses`.

    Raises:
        UnknownName: the task or the render profile.
    """

    def __init__(self, spec: EnvSpec, robot: Robot):
        short_name(spec.task)
        self.embodiment = robot.embodiment(spec.size)
        self._robot = robot
        self._profile = find_profile(spec.profile)
        self._size = spec.size
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"scene", "goals", "instruction", "other": {"goals", "instruction"}}`.

        Raises:
            MismatchError: the start is another environment's.
        """
        if start.env != self.embodiment.name:
            raise MismatchError(f"expected a start of {self.embodiment.name}, got one of {start.env}")
        scene = Scene.from_json(start.payload["scene"])
        self.model = build_model(scene, self._robot)
        self.data = mujoco.MjData(self.model)
        self._controls = self._robot.bind(self.model)
        place_fixtures(self.model, self.data, scene)
        self._controls.home(self.data)
        mujoco.mj_forward(self.model, self.data)
        self.reading = Reading(self.model, self.data, scene)
        self._judge = SuccessChecker(goals_from_json(start.payload["goals"]), self.reading)
        self._start = start

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """One control period. Actions beyond the declared range are clipped, as a robot's driver would.

        The reward is what this step added to the share of goals reached. Nothing ends an episode but its horizon.

        Raises:
            RuntimeError: the physics became unstable: an error, not the policy's failure.
        """
        before = self._judge.progress
        self._controls.command(self.data, self._clipped(action))
        mujoco.mj_step(self.model, self.data, NUM_SUBSTEPS)
        # Where bodies are follows from the joints only with the next step's computation: here it is done at once.
        mujoco.mj_forward(self.model, self.data)
        if any(self.data.warning[kind].number for kind in _UNSTABLE):
            raise RuntimeError("the physics of this scene became unstable")
        self._judge.update()
        progress = self._judge.progress
        success = self._judge.has_succeeded
        return Outcome(progress - before, terminated=False, truncated=False, success=success, progress=progress)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises GraphicsError where nothing can be drawn, UnknownName for a camera that is not there."""
        assert self._start is not None, "reset comes first"
        images = {camera: draw(self.model, self.data, **self.drawing(camera)) for camera in cameras}
        return Observation(images, self._controls.state(self.data), self._start.payload["instruction"], self.data.time)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """What an expert needs to reach the goal whose turn it is: see `teacher.lesson`, and the body's own."""
        return {**lesson(self._judge.goal, self.reading, self._judge.origin), **self._controls.privileged(self.data)}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        return encode({"start": self._start.key, "judge": self._judge.to_json()}, {"state": state})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode(snapshot)
        if values["start"] != self._start.key:
            raise MismatchError(
                f"this snapshot is of start {values['start']}, but the episode under way has start {self._start.key}; "
                "reset to the snapshot's own start first"
            )
        mujoco.mj_setState(self.model, self.data, arrays["state"], _STATE)
        # An instability since then is undone with the rest; the counters are not part of the state.
        for kind in _UNSTABLE:
            self.data.warning[kind].number = 0
        # The forward pass places bodies and contacts, but may move the solver's warm start: that is set again.
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, arrays["state"], _STATE)
        self._judge.restore(values["judge"])

    def close(self) -> None:
        """Nothing is held but memory."""

    def _clipped(self, action: Float32[np.ndarray, " A"]) -> Float32[np.ndarray, " A"]:
        return np.clip(action, *self.embodiment.action_range).astype(np.float32)

    def drawing(self, camera: str) -> dict[str, Any]:
        """How this environment draws what a camera sees: options of `envs.render`'s functions.

        Raises:
            UnknownName: a camera that is not there.
        """
        if camera not in CAMERAS:
            raise UnknownName("camera", camera, CAMERAS, "praxia info --benchmarks")
        # Every scene has the same textures and materials and no meshes, so one upload serves them all.
        return {"scene": "tabletop", "view": Mounted(camera), "how": self._profile, "size": self._size}
