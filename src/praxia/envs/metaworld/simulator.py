"""Meta-World's own environment object, reset so that each episode begins as if it had just been built.

By itself an episode depends on those before it: `reset` runs the physics from the present state, moves bodies of the
model, and keeps numbers on the object. And its `set_task` unpickles.
"""

import copy
from typing import Any

import mujoco
import numpy as np
from metaworld.env_dict import ENV_CLS_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.core.errors import MismatchError
from praxia.envs.snapshots import decode_snapshot, encode_snapshot

__all__ = ["MetaWorldSimulator", "make_stock_env"]

# What the fifty tasks move in a model when they reset, and related fields.
_MOVABLE = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_quat")

# Positions, velocities, controls, the mocap body that drives the hand, and the solver's warm start.
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION

# MuJoCo resets an unstable state silently; only its counters show it.
_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


def make_stock_env(task: str) -> SawyerXYZEnv:
    """The package's own environment of `task`, a short name, with the goal in its observation."""
    stock = ENV_CLS_MAP[f"{task}-v3"]()
    stock._set_task_called = True
    stock._partially_observable = False
    # The bounds that clip observations are cached, and were made while the goal was hidden.
    del stock.sawyer_observation_space
    return stock


class MetaWorldSimulator:
    """One task's own environment of the package (`stock`), with a copy of what it was when it was built."""

    def __init__(self, task: str):
        self.task = task
        self.stock = make_stock_env(task)
        plain = _plain_attributes(self.stock)
        self._plain = copy.deepcopy(plain)
        self._others = {name: value for name, value in vars(self.stock).items() if name not in plain}
        self._model = {name: getattr(self.stock.model, name).copy() for name in _MOVABLE}

    def reset_to_built(self) -> None:
        """Restore the stock environment to what it was when it was built."""
        stock = self.stock
        vars(stock).clear()
        vars(stock).update(self._others, **copy.deepcopy(self._plain))
        for name, value in self._model.items():
            getattr(stock.model, name)[:] = value
        mujoco.mj_resetData(stock.model, stock.data)
        mujoco.mj_forward(stock.model, stock.data)

    def begin(self, rand_vec: list[float]) -> None:
        """Begin the episode of this random vector: positions of objects and goal, in metres.

        Deviation: some tasks move bodies after their last forward pass, so that Meta-World's first observation shows
        their earlier positions. Here the first observation is correct.
        """
        self.reset_to_built()
        stock = self.stock
        stock._freeze_rand_vec = True
        stock._last_rand_vec = np.array(rand_vec, np.float64)
        stock.reset()
        mujoco.mj_forward(stock.model, stock.data)
        stock._prev_obs = stock._get_curr_obs_combined_no_goal()
        bounds = stock.sawyer_observation_space
        stock._last_stable_obs = np.clip(stock._get_obs(), bounds.low, bounds.high)

    def check_stability(self) -> None:
        """Raises RuntimeError if the physics became unstable: an error, not the policy's failure."""
        counters = self.stock.data.warning
        if self.stock._did_see_sim_exception or any(counters[kind].number for kind in _UNSTABLE):
            raise RuntimeError(f"the physics of {self.task} became unstable")

    def snapshot(self, start_key: str) -> bytes:
        """MuJoCo's integration state and every number and array that Meta-World keeps beside it. About 2 kB."""
        stock = self.stock
        state = np.empty(mujoco.mj_stateSize(stock.model, _STATE))
        mujoco.mj_getState(stock.model, stock.data, state, _STATE)
        values: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {"/state": state}
        for name, value in _plain_attributes(stock).items():
            if isinstance(value, np.ndarray | np.generic):
                arrays[name] = np.asarray(value)
            elif value is None or isinstance(value, bool | int | float):
                values[name] = value
        return encode_snapshot({"start": start_key, "attributes": values}, arrays)

    def restore(self, start_key: str, snapshot: bytes) -> None:
        """Go back to a snapshot, after `begin` with the start of its episode, which puts the fixed bodies in place.

        Raises:
            MismatchError: the snapshot is of another episode, or of another version of the simulator.
        """
        values, arrays = decode_snapshot(snapshot)
        stock, state = self.stock, arrays.pop("/state")
        expected = (start_key, mujoco.mj_stateSize(stock.model, _STATE))
        if (values["start"], len(state)) != expected:
            raise MismatchError(
                f"this snapshot is of start {values['start']} with {len(state)} numbers of state, but the episode "
                f"under way has start {expected[0]} and {expected[1]}; reset to the snapshot's own start first"
            )
        vars(stock).update(values["attributes"], **{name: item[()] for name, item in arrays.items()})
        mujoco.mj_setState(stock.model, stock.data, state, _STATE)
        # The forward pass places bodies and contacts, but may move the solver's warm start: that is set again.
        mujoco.mj_forward(stock.model, stock.data)
        mujoco.mj_setState(stock.model, stock.data, state, _STATE)


def _plain_attributes(stock: SawyerXYZEnv) -> dict[str, Any]:
    """All attributes that are numbers, strings, arrays, or containers of them.

    Arrays that are views of the simulator's memory are not among them (Meta-World keeps the live position of some
    bodies): they follow the physics, and a copy would not.
    """
    return {name: value for name, value in vars(stock).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return not _is_view(value)
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic)


def _is_view(array: np.ndarray) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base is not None
