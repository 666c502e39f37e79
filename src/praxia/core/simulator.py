"""What only a simulator can do: it is asked for where a robot would not do, and its privileged state is one vector."""

import json
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from praxia.core.errors import MismatchError
from praxia.core.types import Robot, Simulator, Start

__all__ = ["expect_simulator", "flat_privileged", "reveal", "revealed"]


def expect_simulator(robot: Robot, purpose: str) -> Simulator:
    """`robot` as a simulator, which `purpose` needs, such as "a replay".

    Raises:
        MismatchError: it is a robot without snapshots, starts that can be repeated and privileged state.
    """
    if isinstance(robot, Simulator):
        return robot
    raise MismatchError(
        f"expected a simulator for {purpose}, got {type(robot).__name__}, a robot: it has no snapshot, restore and"
        " privileged state; on robots, record with `praxia.datatools.record.Recorder`"
    )


def flat_privileged(values: Mapping[str, np.ndarray], layout: Mapping[str, int]) -> Float64[np.ndarray, " P"]:
    """The numbers of `values` in the order of a `Simulator.privileged_layout`, each array by rows.

    Raises:
        MismatchError: a name of the layout is missing or has another number of values.
    """
    parts = []
    for name, size in layout.items():
        if name not in values or values[name].size != size:
            got = f"{values[name].size}" if name in values else f"only {', '.join(map(repr, values))}"
            raise MismatchError(f"expected privileged state {name!r} of {size} numbers, got {got}")
        parts.append(np.asarray(values[name], np.float64).ravel())
    return np.concatenate(parts) if parts else np.zeros(0)


def reveal(start: Start, snapshot: bytes) -> dict[str, np.ndarray]:
    """What lets another simulator go on from here, as entries of the privileged state, which no layout declares."""
    return {"start": np.array(json.dumps(start.to_json())), "snapshot": np.frombuffer(snapshot, np.uint8)}


def revealed(privileged: Mapping[str, np.ndarray] | None) -> tuple[Start, bytes]:
    """The inverse of `reveal`.

    Raises:
        MismatchError: the privileged state has no such entries.
    """
    if privileged is None or not {"start", "snapshot"} <= privileged.keys():
        raise MismatchError(
            "expected the simulator's snapshot in the privileged state, got none: run the environments of"
            " `envs.wrappers.revealing(family)`"
        )
    return Start(**json.loads(str(privileged["start"]))), privileged["snapshot"].tobytes()
