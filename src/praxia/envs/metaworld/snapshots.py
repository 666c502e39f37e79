"""Everything that MuJoCo and Meta-World's object keep of an episode, as bytes and back."""

from typing import Any

import mujoco
import numpy as np

from praxia.core.errors import MismatchError
from praxia.envs.metaworld.simulator import Simulator, plain_attributes
from praxia.envs.snapshots import decode, encode

__all__ = ["restore", "snapshot"]

# Positions, velocities, controls, the mocap body that drives the hand, and the solver's warm start.
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


def snapshot(simulator: Simulator, start_key: str) -> bytes:
    """MuJoCo's integration state and every number and array that Meta-World keeps beside it. About 2 kB."""
    stock = simulator.stock
    state = np.empty(mujoco.mj_stateSize(stock.model, _STATE))
    mujoco.mj_getState(stock.model, stock.data, state, _STATE)
    values: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {"/state": state}
    for name, value in plain_attributes(stock).items():
        if isinstance(value, np.ndarray | np.generic):
            arrays[name] = np.asarray(value)
        elif value is None or isinstance(value, bool | int | float):
            values[name] = value
    return encode({"start": start_key, "attributes": values}, arrays)


def restore(simulator: Simulator, start_key: str, content: bytes) -> None:
    """Go back to a snapshot, after `begin` with the start of its episode, which puts the fixed bodies in place.

    Raises:
        MismatchError: the snapshot is of another episode, or of another version of the simulator.
    """
    values, arrays = decode(content)
    stock, state = simulator.stock, arrays.pop("/state")
    expected = (start_key, mujoco.mj_stateSize(stock.model, _STATE))
    if (values["start"], len(state)) != expected:
        raise MismatchError(
            f"this snapshot is of start {values['start']} with {len(state)} numbers of state, but the episode under "
            f"way has start {expected[0]} and {expected[1]}; reset to the snapshot's own start first"
        )
    vars(stock).update(values["attributes"], **{name: item[()] for name, item in arrays.items()})
    mujoco.mj_setState(stock.model, stock.data, state, _STATE)
    # The forward pass places bodies and contacts, but may move the solver's warm start: that is set again.
    mujoco.mj_forward(stock.model, stock.data)
    mujoco.mj_setState(stock.model, stock.data, state, _STATE)
