"""Meta-World v3 (McLean et al. 2025, arXiv 2505.11289; the package metaworld 3.0.0) as an `Env`.

Deviations from the package: a free camera aimed at the table, so that objects fill the picture; starts as explicit
values instead of pickled tasks; pictures only on request; the robot's state holds no object position and no goal.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Camera, Embodiment, EnvSpec, Field, Observation, Outcome, Start
from praxia.envs.metaworld.tasks import instruction_of, short_name
from praxia.envs.render import Renderer, find_profile

# After render, which chooses MuJoCo's OpenGL platform.
import mujoco  # isort: skip
from metaworld import ALL_V3_ENVIRONMENTS  # isort: skip

__all__ = ["CAMERA", "MetaWorld", "embodiment", "make_simulator"]

CAMERA = "workspace"
CONTROL_HZ = 80.0
STATE = mujoco.mjtState.mjSTATE_INTEGRATION
LOOK_FROM_M, LOOK_AT_M, FOVY_DEG = (0.75, 0.05, 0.75), (0.02, 0.70, 0.13), 40.0


@lru_cache
def embodiment(size: int) -> Embodiment:
    """A Sawyer arm whose hand is moved in space, without rotation, seen by one camera of `size` pixels."""
    return Embodiment(
        name="metaworld-sawyer",
        state=(
            Field("hand", 3, "position", "m", frame="world"),
            Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
        ),
        action=(
            Field("hand", 3, "delta", "cm", frame="world", low=-1.0, high=1.0),
            Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0),
        ),
        cameras=(Camera(CAMERA, size, size),),
        control_hz=CONTROL_HZ,
    )


def make_simulator(task: str):
    """Meta-World's own environment of a task, with the goal in its observation. About 0.2 s."""
    simulator = ALL_V3_ENVIRONMENTS[f"{short_name(task)}-v3"]()
    simulator._set_task_called = True
    simulator._partially_observable = False
    # The bounds that clip observations are cached, and were made when the goal was hidden.
    del simulator.sawyer_observation_space
    return simulator


class MetaWorld:
    """One task. See `praxia.core.types.Env`; `spec.size` and `spec.profile` say how it is drawn."""

    def __init__(self, spec: EnvSpec):
        find_profile(spec.profile)
        self.embodiment = embodiment(spec.size)
        self._spec = spec
        self._instruction = instruction_of(spec.task)
        self._simulator = make_simulator(spec.task)
        self._renderer: Renderer | None = None
        self._observation = np.zeros(39)

    def reset(self, start: Start) -> None:
        assert (start.env, start.task) == ("metaworld", short_name(self._spec.task)), (start, self._spec)
        simulator = self._simulator
        simulator._freeze_rand_vec = True
        simulator._last_rand_vec = np.array(start.payload["rand_vec"])
        simulator._did_see_sim_exception = False
        self._observation, _ = simulator.reset()
        # Some tasks move bodies after their last forward pass; a picture would show them where they were.
        mujoco.mj_kinematics(simulator.model, simulator.data)

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Actions outside [-1, 1] are clipped, as a robot's driver would.

        Raises:
            RuntimeError: the physics became unstable: an error, not the policy's failure.
        """
        action = np.clip(action, -1, 1)
        self._observation, reward, terminated, truncated, info = self._simulator.step(action)
        if self._simulator._did_see_sim_exception:
            raise RuntimeError(f"the physics of {self._spec.task} became unstable")
        return Outcome(float(reward), bool(terminated), bool(truncated), bool(info["success"]))

    def look(self, cameras: Sequence[str]) -> Observation:
        images = {camera: self._draw(camera) for camera in cameras}
        time_s = self._simulator.curr_path_length / CONTROL_HZ
        return Observation(images, self._observation[:4].astype(np.float32), self._instruction, time_s)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`observation` float64[39]: hand, gripper, objects, the same of the step before, goal."""
        return {"observation": self._observation.copy()}

    def snapshot(self) -> bytes:
        """MuJoCo's integration state, and what Meta-World keeps beside it: its last two observations and its scalars.

        About 3 kB: a length, JSON, and float64 numbers in the machine's (little-endian) order.
        """
        simulator = self._simulator
        state = np.empty(mujoco.mj_stateSize(simulator.model, STATE))
        mujoco.mj_getState(simulator.model, simulator.data, state, STATE)
        arrays = (state, simulator._prev_obs, self._observation)
        head = json.dumps({"sizes": [len(array) for array in arrays], "scalars": self._scalars()}).encode()
        return struct.pack("<I", len(head)) + head + np.concatenate(arrays).astype("<f8").tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Only after `reset` with the start of the snapshot's episode, which puts the immovable bodies in place."""
        (length,) = struct.unpack_from("<I", snapshot)
        head = json.loads(snapshot[4 : 4 + length])
        ends = np.cumsum(head["sizes"])[:-1]
        state, previous, self._observation = np.split(np.frombuffer(snapshot, "<f8", offset=4 + length).copy(), ends)
        simulator = self._simulator
        simulator.__dict__.update(head["scalars"])
        simulator._prev_obs = previous
        mujoco.mj_setState(simulator.model, simulator.data, state, STATE)
        # The forward pass places bodies and contacts, but also moves the solver's warm start: set that again.
        mujoco.mj_forward(simulator.model, simulator.data)
        mujoco.mj_setState(simulator.model, simulator.data, state, STATE)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
        self._simulator.close()

    def _scalars(self) -> dict[str, float | int | bool]:
        """Meta-World's own numbers about the episode (path length, flags, distances at the start)."""
        found = {}
        for name, value in self._simulator.__dict__.items():
            if isinstance(value, np.generic):
                value = value.item()
            if isinstance(value, bool | int | float):
                found[name] = value
        return found

    def _draw(self, camera: str) -> np.ndarray:
        assert camera == CAMERA, f"Meta-World has the camera {CAMERA!r}, asked for {camera!r}"
        if self._renderer is None:
            self._renderer = Renderer(
                self._simulator.model, self._spec.profile, self._spec.size, _workspace_camera(), FOVY_DEG
            )
        return self._renderer.draw(self._simulator.data)


def _workspace_camera() -> mujoco.MjvCamera:
    towards = np.subtract(LOOK_AT_M, LOOK_FROM_M)
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = LOOK_AT_M
    camera.distance = np.linalg.norm(towards)
    camera.azimuth = np.degrees(np.arctan2(towards[1], towards[0]))
    camera.elevation = np.degrees(np.arcsin(towards[2] / camera.distance))
    return camera
