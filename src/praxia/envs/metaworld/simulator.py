"""Meta-World's own environment object, made to begin any episode as if it had just been built.

Left alone, an episode depends on those before it: `reset` runs the physics from wherever the object is, moves bodies
of the model, and keeps numbers on the object. And its `set_task` unpickles.
"""

import copy
from typing import Any

import mujoco
import numpy as np
from metaworld.env_dict import ENV_CLS_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

__all__ = ["Simulator", "make_simulator", "plain_attributes"]

# What the fifty tasks move in a model when they reset, and the fields beside it that they could.
_MOVABLE = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_quat")

# MuJoCo answers an unstable state by silently starting over; only its counters tell.
_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


def make_simulator(task: str) -> SawyerXYZEnv:
    """The stock environment of `task`, a short name, with the goal in its observation."""
    stock = ENV_CLS_MAP[f"{task}-v3"]()
    stock._set_task_called = True
    stock._partially_observable = False
    # The bounds that clip observations are cached, and were made while the goal was hidden.
    del stock.sawyer_observation_space
    return stock


class Simulator:
    """One task's stock environment (`stock`), remembered as it was when it was built."""

    def __init__(self, task: str):
        self.task = task
        self.stock = make_simulator(task)
        plain = plain_attributes(self.stock)
        self._plain = copy.deepcopy(plain)
        self._others = {name: value for name, value in vars(self.stock).items() if name not in plain}
        self._model = {name: getattr(self.stock.model, name).copy() for name in _MOVABLE}

    def renew(self) -> None:
        """Make the stock environment what it was when it was built, whatever has happened since."""
        stock = self.stock
        vars(stock).clear()
        vars(stock).update(self._others, **copy.deepcopy(self._plain))
        for name, value in self._model.items():
            getattr(stock.model, name)[:] = value
        mujoco.mj_resetData(stock.model, stock.data)
        mujoco.mj_forward(stock.model, stock.data)

    def begin(self, rand_vec: list[float]) -> None:
        """Begin the episode of this random vector: where objects and goal are.

        Deviation: some tasks move bodies after their last forward pass, and Meta-World's first observation shows
        them where they were before. Here the first observation is true.
        """
        self.renew()
        stock = self.stock
        stock._freeze_rand_vec = True
        stock._last_rand_vec = np.array(rand_vec, np.float64)
        stock.reset()
        mujoco.mj_forward(stock.model, stock.data)
        stock._prev_obs = stock._get_curr_obs_combined_no_goal()
        bounds = stock.sawyer_observation_space
        stock._last_stable_obs = np.clip(stock._get_obs(), bounds.low, bounds.high)

    def refuse_instability(self) -> None:
        """Raises RuntimeError if the physics went wrong: that is an error, not the policy's failure."""
        counters = self.stock.data.warning
        if self.stock._did_see_sim_exception or any(counters[kind].number for kind in _UNSTABLE):
            raise RuntimeError(f"the physics of {self.task} became unstable")


def plain_attributes(stock: SawyerXYZEnv) -> dict[str, Any]:
    """All attributes that are numbers, texts, arrays, or containers of them.

    Arrays that show the simulator's own memory are not among them (Meta-World keeps the live position of some
    bodies): they follow the physics by themselves, and a copy would not.
    """
    return {name: value for name, value in vars(stock).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return not _shows_other_memory(value)
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic)


def _shows_other_memory(array: np.ndarray) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base is not None
