"""Meta-World's own environment object, made to begin any episode as if it had just been built.

Its `reset` runs a simulation from whatever state the object is in, moves bodies of the model and keeps numbers on
the object, so an episode would depend on the ones before it. And its `set_task` unpickles.
"""

import copy
from typing import Any

import numpy as np
from metaworld.env_dict import ENV_CLS_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.envs.graphics import mujoco

__all__ = ["Pristine", "make_simulator", "plain_attributes"]

# What the fifty `reset_model` functions move in a model, and the fields beside it that they could.
_MOVED = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_quat")


def make_simulator(task: str) -> SawyerXYZEnv:
    """The stock environment of `task` (a short name), with the goal in its observation."""
    simulator = ENV_CLS_MAP[f"{task}-v3"]()
    simulator._set_task_called = True
    simulator._partially_observable = False
    # A cached property: computed while the goal was hidden.
    del simulator.sawyer_observation_space
    return simulator


class Pristine:
    """What a simulator was when it was built: `restore` makes it so again."""

    def __init__(self, simulator: SawyerXYZEnv):
        self._simulator = simulator
        self._attributes = copy.deepcopy(plain_attributes(simulator))
        self._model = {name: getattr(simulator.model, name).copy() for name in _MOVED}

    def restore(self) -> None:
        simulator = self._simulator
        for name in plain_attributes(simulator):
            del simulator.__dict__[name]
        simulator.__dict__.update(copy.deepcopy(self._attributes))
        for name, value in self._model.items():
            getattr(simulator.model, name)[:] = value
        mujoco.mj_resetData(simulator.model, simulator.data)
        mujoco.mj_forward(simulator.model, simulator.data)


def plain_attributes(simulator: SawyerXYZEnv) -> dict[str, Any]:
    """All attributes that are numbers, texts, arrays or containers of them.

    Not those that are windows into the simulator's own memory (Meta-World keeps some bodies' live positions):
    those follow the simulation by themselves.
    """
    return {name: value for name, value in vars(simulator).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return _owner(value) is None
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str | np.generic)


def _owner(array: np.ndarray) -> Any:
    """Whose memory an array shows, if it is no array's."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base
