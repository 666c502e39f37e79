"""A simulator's full state as bytes: JSON and raw numbers, compressed, never a pickle."""

import json
import zlib
from typing import Any

import mujoco
import numpy as np

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json
from praxia.envs.metaworld.simulator import Simulator, plain_attributes

__all__ = ["decode", "encode", "restore", "snapshot"]

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


def encode(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A JSON object and named arrays -> bytes: the same content gives the same bytes."""
    shapes = {name: [item.dtype.str, list(item.shape)] for name, item in arrays.items()}
    header = canonical_json({"values": values, "arrays": shapes}).encode()
    numbers = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    return zlib.compress(len(header).to_bytes(4, "little") + header + numbers, level=1)


def decode(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of `encode`, bit for bit."""
    plain = zlib.decompress(content)
    at = 4 + int.from_bytes(plain[:4], "little")
    header = json.loads(plain[4:at])
    arrays = {}
    for name, (dtype, shape) in sorted(header["arrays"].items()):
        arrays[name] = np.frombuffer(plain, dtype, int(np.prod(shape)), at).reshape(shape).copy()
        at += arrays[name].nbytes
    return header["values"], arrays
