"""Meta-World v3 as an `Env`.

Deviations from the package: a free camera aimed at the table, so that objects fill the picture; starts as explicit
values instead of pickled tasks; pictures only on request; the robot's state holds no object position and no goal.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.metaworld.body import CAMERAS, CONTROL_HZ, embodiment
from praxia.envs.metaworld.simulator import Simulator
from praxia.envs.metaworld.snapshots import restore, snapshot
from praxia.envs.metaworld.tasks import instruction_of, short_name
from praxia.envs.render import draw, find_profile

__all__ = ["MetaWorld"]


class MetaWorld:
    """One task. See `praxia.core.types.Env`; `spec.size` and `spec.profile` say how it is drawn.

    Raises:
        UnknownName: the task or the render profile.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = embodiment(spec.size)
        self._task = short_name(spec.task)
        self._instruction = instruction_of(spec.task)
        self._profile = find_profile(spec.profile)
        self._size = spec.size
        self._simulator = Simulator(self._task)
        self._start_key = ""

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"rand_vec": [...]}`: object and goal positions, in metres.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("metaworld", self._task):
            raise MismatchError(f"expected a start of metaworld/{self._task}, got one of {start.env}/{start.task}")
        self._simulator.begin(start.payload["rand_vec"])
        self._start_key = start.key

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Actions outside [-1, 1] are clipped, as a robot's driver would.

        Raises:
            RuntimeError: the physics became unstable: an error, not the policy's failure.
        """
        _, reward, terminated, truncated, info = self._simulator.stock.step(np.clip(action, -1, 1))
        self._simulator.refuse_instability()
        return Outcome(float(reward), bool(terminated), bool(truncated), bool(info["success"]))

    def look(self, cameras: Sequence[str]) -> Observation:
        """Raises GraphicsError where nothing can be drawn, UnknownName for a camera that is not there."""
        images = {camera: self._draw(camera) for camera in cameras}
        time_s = self._simulator.stock.curr_path_length / CONTROL_HZ
        return Observation(images, self._observation[:4].astype(np.float32), self._instruction, time_s)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`observation` float64[39]: hand, gripper, objects, the same of the step before, goal."""
        return {"observation": self._observation.copy()}

    def snapshot(self) -> bytes:
        return snapshot(self._simulator, self._start_key)

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        restore(self._simulator, self._start_key, snapshot)

    def close(self) -> None:
        self._simulator.stock.close()

    @property
    def _observation(self) -> np.ndarray:
        observation = self._simulator.stock._last_stable_obs
        assert observation is not None, "reset comes first"
        return observation

    def _draw(self, camera: str) -> UInt8[np.ndarray, "Y X 3"]:
        if camera not in CAMERAS:
            raise UnknownName("camera", camera, CAMERAS, "praxia info --benchmarks")
        stock = self._simulator.stock
        view = CAMERAS[camera]
        return draw(stock.model, stock.data, scene=stock.model_name, view=view, how=self._profile, size=self._size)
