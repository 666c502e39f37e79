"""What only a simulator can do: it is asked for where a robot would not do, and its privileged state is one vector."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from praxia.core.errors import MismatchError
from praxia.core.types import Robot, Simulator

__all__ = ["expect_simulator", "flat_privileged"]


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
