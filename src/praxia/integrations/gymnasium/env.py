"""One task of a family of environments as a `gymnasium.Env`."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float32

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.simulator import expect_simulator, flat_privileged
from praxia.core.types import EnvSpec, Outcome, Simulator
from praxia.envs import find_family

__all__ = ["PraxiaEnv"]

# Simulators leave the ranges that embodiments declare, so a space of numbers ends where float32 does.
LARGEST = float(np.finfo(np.float32).max)


class PraxiaEnv(gymnasium.Env):
    """The task `task` (None: the family's first training task) of the family of environments `family`.

    Every `reset` draws one of the starts of `split`, so evaluate on another split, such as "test". Observations are
    float32 numbers: the `Simulator.privileged_layout`, in order, or with `observe` "state" the embodiment's state. With
    `cameras` they are a dict of these as "state" and an image uint8[Y, X, 3] by camera, of `size` pixels and rendered
    with `profile`; without, nothing is rendered but by `render`. Instructions are not observed: privileged state says
    where the goal is.

    Actions are within [-1, 1], and mean the declared range of each action dim. Rewards are those that the family
    declares (`envs.family.RewardDeclaration`), which `declared_reward` is; `options` are the environment's own, such
    as `reward`. A step is truncated at the declared horizon and terminated as declared; success alone ends nothing.
    `info["is_success"]`, if it is known, is about the last step, and `info["progress"]` is there where goals are
    counted.

    Raises:
        UnknownName: no such family, task, camera, reward or profile.
        PraxiaError: another `observe` than "privileged" and "state".
        MismatchError: an option that the environment does not have; an action without a range; privileged state of a
            robot, which has none.
    """

    # gymnasium reads it of the class, too.
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        family: str,
        task: str | None = None,
        *,
        split: str = "train-0",
        observe: str = "privileged",
        cameras: Sequence[str] = (),
        size: int = 64,
        profile: str = "fast",
        render_mode: str | None = None,
        **options: bool | int | float | str,
    ):
        if observe not in ("privileged", "state"):
            raise PraxiaError(f"expected observe as privileged or state, got {observe!r}")
        self._family = find_family(family)
        self._task = self._family.find_task(task or self._family.train_tasks[0])
        spec = EnvSpec(self._family.name, self._task, profile, size, options=options)
        self.declared_reward = self._family.reward(spec)
        self._robot = self._family.build(self._family.without_default_reward(spec))
        self._simulator: Simulator | None = None
        if observe == "privileged":
            self._simulator = expect_simulator(self._robot, "an observation of privileged state")
        self._split, self._cameras = split, tuple(cameras)
        self._closed, self._steps = False, 0
        embodiment = self._robot.embodiment
        self._low, self._high = _finite_range(embodiment.action_range, embodiment.name)
        self.action_space = spaces.Box(-1.0, 1.0, (embodiment.action_dim,), np.float32)
        layout = {} if self._simulator is None else self._simulator.privileged_layout
        num_values = embodiment.state_dim if self._simulator is None else sum(layout.values())
        numbers = spaces.Box(-LARGEST, LARGEST, (num_values,), np.float32)
        known = {camera.name: camera for camera in embodiment.cameras}
        if unknown := [name for name in self._cameras if name not in known]:
            raise UnknownName(f"camera of {family}", unknown[0], known, "praxia info --benchmarks")
        images = {name: spaces.Box(0, 255, (known[name].height, known[name].width, 3), np.uint8) for name in cameras}
        self.observation_space = spaces.Dict({"state": numbers, **images}) if images else numbers
        self.render_mode, self._shown = render_mode, next(iter(known), None)
        self.metadata = {**type(self).metadata, "render_fps": embodiment.control_hz}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray | dict[str, np.ndarray], dict[str, Any]]:
        """Begin at a start of the split that the environment's generator draws. There are no `options`."""
        super().reset(seed=seed)
        self._robot.reset(self._family.draw_start(self._task, self._split, int(self.np_random.integers(2**31))))
        self._steps = 0
        return self._observe(), {}

    def step(
        self, action: Float32[np.ndarray, " A"]
    ) -> tuple[np.ndarray | dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        share = (np.clip(action, -1, 1).astype(np.float64) + 1) / 2
        outcome = self._robot.command((self._low + share * (self._high - self._low)).astype(np.float32))
        self._steps += 1
        truncated = outcome.truncated or (self._steps >= self.declared_reward.horizon and not outcome.terminated)
        return self._observe(), outcome.reward, outcome.terminated, truncated, _info(outcome)

    def render(self) -> np.ndarray | None:
        """The image of the embodiment's first camera; None without a `render_mode`, or without a camera."""
        if self.render_mode is None or self._shown is None:
            return None
        return self._robot.observe((self._shown,)).images[self._shown]

    def close(self) -> None:
        if not self._closed:
            self._robot.close()
        self._closed = True

    def _observe(self) -> np.ndarray | dict[str, np.ndarray]:
        if self._simulator is not None and not self._cameras:
            return self._privileged(self._simulator)
        seen = self._robot.observe(self._cameras)
        numbers = seen.state.copy() if self._simulator is None else self._privileged(self._simulator)
        return {"state": numbers, **seen.images} if self._cameras else numbers

    def _privileged(self, simulator: Simulator) -> Float32[np.ndarray, " P"]:
        return flat_privileged(simulator.privileged(), simulator.privileged_layout).astype(np.float32)


def _finite_range(limits: tuple[np.ndarray, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    if not all(np.isfinite(limit).all() for limit in limits):
        raise MismatchError(f"expected a declared range of each action of {name!r}, which -1 to 1 can mean, got none")
    return limits


def _info(outcome: Outcome) -> dict[str, Any]:
    known = {"is_success": outcome.success, "progress": outcome.progress}
    return {name: value for name, value in known.items() if value is not None}
