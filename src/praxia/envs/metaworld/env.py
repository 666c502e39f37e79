"""Meta-World v3 as a `Simulator`.

Deviations from the package: starts are explicit values instead of pickled tasks; images are rendered only on request;
cameras and state are those of the `Setup`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.metaworld.setup import CONTROL_HZ, PRAXIA_SETUP, Setup
from praxia.envs.metaworld.simulator import MetaWorldSimulator
from praxia.envs.metaworld.tasks import short_name
from praxia.envs.render import find_profile

__all__ = ["MetaWorld"]


class MetaWorld:
    """One task under a setup. See `praxia.core.types.Simulator`.

    Images are rendered at the spec's sizes with `spec.profile`.

    Raises:
        UnknownName: the task or the render profile.
    """

    def __init__(self, spec: EnvSpec, setup: Setup = PRAXIA_SETUP):
        self.embodiment = spec.sized(setup.embodiment(spec.size))
        self.privileged_layout = {"observation": 39}
        self._setup = setup
        self._task = short_name(spec.task)
        self._instruction = setup.instructions[self._task]
        self._profile = find_profile(spec.profile)
        self._spec = spec
        self._simulator = MetaWorldSimulator(self._task)
        for camera in setup.cameras.values():
            camera.move(self._simulator.stock.model)
        self._start_key = ""

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"rand_vec": [...]}`: object and goal positions, in metres.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != (self._setup.name, self._task):
            expected = f"{self._setup.name}/{self._task}"
            raise MismatchError(f"expected a start of {expected}, got one of {start.env}/{start.task}")
        self._simulator.begin(start.payload["rand_vec"])
        for _ in range(self._setup.num_idle_steps):
            self._simulator.stock.step(np.zeros(4, np.float32))
        self._start_key = start.key

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Actions outside [-1, 1] are clipped, as a robot's driver does.

        Raises:
            RuntimeError: the physics became unstable: an error, not the policy's failure.
        """
        _, reward, terminated, truncated, info = self._simulator.stock.step(np.clip(action, -1, 1))
        self._simulator.check_stability()
        return Outcome(float(reward), bool(terminated), bool(truncated), bool(info["success"]))

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises GraphicsError if nothing can be rendered, UnknownName for an unknown camera."""
        images = {camera: self._render(camera) for camera in cameras}
        steps = self._simulator.stock.curr_path_length - self._setup.num_idle_steps
        state = self._observation[: self.embodiment.state_dim].astype(np.float32)
        return Observation(images, state, self._instruction, steps / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`observation` float64[39]: hand, gripper, objects, the same of the step before, goal. `task`: a string."""
        return {"observation": self._observation.copy(), "task": np.array(self._task)}

    def snapshot(self) -> bytes:
        return self._simulator.snapshot(self._start_key)

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        self._simulator.restore(self._start_key, snapshot)

    def close(self) -> None:
        self._simulator.stock.close()

    @property
    def _observation(self) -> np.ndarray:
        observation = self._simulator.stock._last_stable_obs
        assert observation is not None, "reset comes first"
        return observation

    def _render(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        cameras = self._setup.cameras
        if camera not in cameras:
            raise UnknownName("camera", camera, cameras, "praxia info --benchmarks")
        stock = self._simulator.stock
        size = self._spec.size_of(camera)
        return cameras[camera].render(stock.model, stock.data, stock.model_name, self._profile, size)
