"""The action that holds a robot still: what doing nothing is, of its embodiment."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, Field, field_slices
from praxia.core.errors import MismatchError, UnknownName

__all__ = ["HoldAction"]


@dataclass(frozen=True)
class HoldAction:
    """`constant` [A] in declared units, but in the dims `action` the present value of the dims `state`, one for one.

    Zeros hold an embodiment still only where its actions are changes. As target positions they drive it into a corner.
    """

    constant: tuple[float, ...]
    action: tuple[int, ...]
    state: tuple[int, ...]

    @classmethod
    def of(cls, embodiment: Embodiment) -> "HoldAction":
        """What `embodiment.hold` declares of each action field and, of those that it does not name, what their kind says:

            delta, velocity, torque   0
            position                  the state field of that name, if that is a position of its size, unit and frame
            gripper                   the state field of that name, if its range is the same too; else 0, if that is the
                                      middle of its range and so neither opens nor closes
            discrete                  nothing: it must be declared

        Raises:
            MismatchError: a field of which neither says it, or a state field of another size, unit or frame.
            UnknownName: `embodiment.hold` names a field that the embodiment does not have.
        """
        known = [part.name for part in embodiment.action]
        if strangers := [name for name in embodiment.hold if name not in known]:
            raise UnknownName(f"action field of {embodiment.name!r}", strangers[0], known, "its declaration")
        seen = {part.name: dims for part, dims in field_slices(embodiment.state)}
        constant, action, state = np.zeros(embodiment.action_dim), [], []
        for part, dims in field_slices(embodiment.action):
            held = _held(embodiment, part)
            if isinstance(held, str):
                action += range(dims.start, dims.stop)
                state += range(seen[held].start, seen[held].stop)
            else:
                constant[dims] = held
        return cls(tuple(constant.tolist()), tuple(action), tuple(state))

    @property
    def is_zero(self) -> bool:
        """Whether zeros hold it, wherever it is."""
        return not self.action and not any(self.constant)

    def __call__(self, state: Float32[np.ndarray, " S"]) -> Float32[np.ndarray, " A"]:
        """The action that holds a robot where `state` says that it is."""
        action = np.array(self.constant, np.float32)
        action[list(self.action)] = state[list(self.state)]
        return action


def _held(embodiment: Embodiment, part: Field) -> float | str:
    """What holds one field still: a number, or the name of the state field whose present value does."""
    states = {seen.name: seen for seen in embodiment.state}
    if part.name in embodiment.hold:
        held = embodiment.hold[part.name]
        return _expect_alike(embodiment, part, held, states) if isinstance(held, str) else float(held)
    if part.kind in ("delta", "velocity", "torque"):
        return 0.0
    seen = states.get(part.name)
    if seen is not None and part.kind != "discrete" and _meaning(seen) == _meaning(part):
        return part.name
    if part.kind == "gripper" and part.low is not None and part.high is not None and part.low + part.high == 0:
        return 0.0
    raise MismatchError(
        f"expected embodiment {embodiment.name!r} to say what holds its action {part.description} still; declare it there, "
        f"Embodiment(..., hold={{{part.name!r}: a number, or the name of a state field}}), whose fields are "
        f"{', '.join(seen.description for seen in embodiment.state) or 'none'}"
    )


def _expect_alike(embodiment: Embodiment, part: Field, held: str, states: Mapping[str, Field]) -> str:
    """`held`, which must name a state field that can be the action field's target."""
    if held not in states:
        raise UnknownName(f"state field of {embodiment.name!r}", held, states, "its declaration")
    seen = states[held]
    if (seen.size, seen.unit, seen.frame) != (part.size, part.unit, part.frame):
        raise MismatchError(
            f"expected a state of the size, unit and frame of action {part.description} to hold {embodiment.name!r} still, got "
            f"{seen.description}; declare another state field or a number"
        )
    return held


def _meaning(part: Field) -> tuple[object, ...]:
    """What must be equal for a state to be a target. Where a hand may be sent can be less than where it may be seen."""
    same = (part.kind, part.size, part.unit, part.frame)
    return same if part.kind == "position" else (*same, part.low, part.high)
