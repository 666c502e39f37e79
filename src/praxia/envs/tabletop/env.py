"""Tabletop as a `Simulator`: one robot, one scene, one instruction at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.render import ModelCamera, find_profile, render_image
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot
from praxia.envs.tabletop.goals import goals_from_json
from praxia.envs.tabletop.model import FRONT, NUM_SUBSTEPS, build_model, place_fixtures
from praxia.envs.tabletop.motion import Motion, MovingParts
from praxia.envs.tabletop.privileged import GOAL_LAYOUT, goal_info
from praxia.envs.tabletop.rewards import REWARDS, SPARSE
from praxia.envs.tabletop.robots.robot import WRIST, RobotModel
from praxia.envs.tabletop.scene import Scene
from praxia.envs.tabletop.scene_state import SceneState
from praxia.envs.tabletop.success import SuccessChecker
from praxia.envs.tabletop.tasks import short_name

__all__ = ["CAMERAS", "Tabletop"]

CAMERAS = (FRONT, WRIST)

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


class Tabletop:
    """See `praxia.core.types.Simulator`. It accepts starts of all tasks; `spec.task` is only checked.

    `model` and `data` are MuJoCo's own, for uses beyond observations: see `sensors`. `reward` is a name in `REWARDS`.

    Raises:
        UnknownName: the task, the render profile or the reward.
    """

    def __init__(self, spec: EnvSpec, robot: RobotModel, reward: str = SPARSE):
        short_name(spec.task)
        if reward not in REWARDS:
            raise UnknownName("reward of Tabletop", reward, REWARDS, f"praxia info --tasks {robot.name}")
        self._reward = REWARDS[reward]
        self.embodiment = spec.sized(robot.embodiment(spec.size))
        self.privileged_layout = {**GOAL_LAYOUT, **robot.privileged_layout}
        self._robot = robot
        self._profile = find_profile(spec.profile)
        self._spec = spec
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"scene", "goals", "instruction", "other": {"goals", "instruction"}}`,
        and "motion" if something moves by itself.

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
        self.state = SceneState(self.model, self.data, scene)
        self._moving = None
        if "motion" in start.payload:
            self._moving = MovingParts(Motion.from_json(start.payload["motion"]), self.model, self.data, self.state)
            self._moving.begin()
            mujoco.mj_forward(self.model, self.data)
        self._checker = SuccessChecker(goals_from_json(start.payload["goals"]), self.state)
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Run one control period. Actions beyond the declared range are clipped, as a robot's driver does.

        The reward is that of the constructor, by default the increase of the fraction of goals reached. Only the
        horizon ends an episode.

        Raises:
            RuntimeError: the physics became unstable: an error, not the policy's failure.
        """
        before = self._checker.progress
        self._controls.command(self.data, self._clipped(action))
        if self._moving is not None:
            self._moving.advance()
        mujoco.mj_step(self.model, self.data, NUM_SUBSTEPS)
        # Otherwise the bodies' positions would follow from the joints only in the next step.
        mujoco.mj_forward(self.model, self.data)
        if any(self.data.warning[kind].number for kind in _UNSTABLE):
            raise RuntimeError("the physics of this scene became unstable")
        self._checker.update()
        progress, success = self._checker.progress, self._checker.has_succeeded
        reward = self._reward(self._checker, self.state, before)
        return Outcome(reward, terminated=False, truncated=False, success=success, progress=progress)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises GraphicsError if nothing can be rendered, UnknownName for an unknown camera."""
        assert self._start is not None, "reset comes first"
        images = {camera: render_image(self.model, self.data, **self.render_options(camera)) for camera in cameras}
        return Observation(images, self._controls.state(self.data), self._start.payload["instruction"], self.data.time)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """What an expert needs to reach the current goal: see `goal_info` and `robots.robot.Controls.privileged`.

        If the subject moves by itself, `direction` is its velocity in m/s.
        """
        info = goal_info(self._checker.goal, self.state, self._checker.initial_state)
        if self._moving is not None and not info["direction"].any():
            info["direction"] = self._moving.velocity(self._checker.goal.subject)
        return {**info, **self._controls.privileged(self.data)}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        # Data sets contain snapshots, so the key of the success checker stays "judge".
        values = {"start": self._start.key, "judge": self._checker.to_json()}
        if self._moving is not None:
            values["motion"] = self._moving.to_json()
        return encode_snapshot(values, {"state": state})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        mujoco.mj_setState(self.model, self.data, arrays["state"], _STATE)
        # Restoring also undoes an instability, but its counters are not part of the state.
        for kind in _UNSTABLE:
            self.data.warning[kind].number = 0
        # The forward pass places bodies and contacts, but may move the solver's warm start: that is set again.
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, arrays["state"], _STATE)
        self._checker.restore(values["judge"])
        if self._moving is not None:
            self._moving.restore(values["motion"])

    def close(self) -> None:
        """There is nothing to release but memory."""

    def _clipped(self, action: Float32[np.ndarray, " A"]) -> Float32[np.ndarray, " A"]:
        return np.clip(action, *self.embodiment.action_range).astype(np.float32)

    def render_options(self, camera: str) -> dict[str, Any]:
        """The options of `envs.render`'s functions for one of this environment's cameras.

        Raises:
            UnknownName: an unknown camera.
        """
        if camera not in CAMERAS:
            raise UnknownName("camera", camera, CAMERAS, "praxia info --benchmarks")
        # Every scene has the same textures and materials and no meshes, so one upload serves them all.
        size = self._spec.size_of(camera)
        return {"scene": "tabletop", "camera": ModelCamera(camera), "profile": self._profile, "size": size}
