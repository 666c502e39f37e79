"""The action that holds a robot still."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, Field, field_slices
from praxia.core.errors import MismatchError, UnknownName

__all__ = ["HoldAction"]


@dataclass(frozen=True)
class HoldAction:
    """`constant` [A] in declared units, except that the dims `action` take the present values of the dims `state`.

    Zeros hold a robot still only where its actions are changes; as target positions they drive it into a corner.
    """

    constant: tuple[float, ...]
    action: tuple[int, ...]
    state: tuple[int, ...]

    @classmethod
    def of(cls, embodiment: Embodiment) -> "HoldAction":
        """From `embodiment.hold`, and for action fields that it does not name from their kind:

            delta, velocity, torque   0
            position                  the state field of that name, if that is a position of its size, unit and frame
            gripper                   the state field of that name, if its range is the same too; else 0, if that is the
                                      middle of its range and so neither opens nor closes
            discrete                  none: it must be declared

        Raises:
            MismatchError: a field for which neither gives it, or a state field of another size, unit or frame.
            UnknownName: `embodiment.hold` names a field that the embodiment does not have.
        """
        known = [field.name for field in embodiment.action]
        if unknown := [name for name in embodiment.hold if name not in known]:
            raise UnknownName(f"action field of {embodiment.name!r}", unknown[0], known, "its declaration")
        seen = {field.name: dims for field, dims in field_slices(embodiment.state)}
        constant, action, state = np.zeros(embodiment.action_dim), [], []
        for field, dims in field_slices(embodiment.action):
            value = _hold_value(embodiment, field)
            if isinstance(value, str):
                action += range(dims.start, dims.stop)
                state += range(seen[value].start, seen[value].stop)
            else:
                constant[dims] = value
        return cls(tuple(constant.tolist()), tuple(action), tuple(state))

    @property
    def is_zero(self) -> bool:
        """Whether zeros hold the robot still in every state."""
        return not self.action and not any(self.constant)

    def __call__(self, state: Float32[np.ndarray, " S"]) -> Float32[np.ndarray, " A"]:
        """The action that holds a robot still in `state`."""
        action = np.array(self.constant, np.float32)
        action[list(self.action)] = state[list(self.state)]
        return action

    def after(self, action: Float32[np.ndarray, " A"]) -> Float32[np.ndarray, " A"]:
        """The action that holds a robot still after `action`: a target stays what it was."""
        held = np.array(self.constant, np.float32)
        held[list(self.action)] = action[list(self.action)]
        return held


def _hold_value(embodiment: Embodiment, field: Field) -> float | str:
    """The hold value of one field: a number, or the name of the state field whose present value it is."""
    states = {seen.name: seen for seen in embodiment.state}
    if field.name in embodiment.hold:
        value = embodiment.hold[field.name]
        return _expect_target(embodiment, field, value, states) if isinstance(value, str) else float(value)
    if field.kind in ("delta", "velocity", "torque"):
        return 0.0
    seen = states.get(field.name)
    if seen is not None and field.kind != "discrete" and _meaning(seen) == _meaning(field):
        return field.name
    if field.kind == "gripper" and field.low is not None and field.high is not None and field.low + field.high == 0:
        return 0.0
    raise MismatchError(
        f"expected embodiment {embodiment.name!r} to declare what holds its action {field.description} still: "
        f"Embodiment(..., hold={{{field.name!r}: a number, or the name of a state field}}), whose fields are "
        f"{', '.join(seen.description for seen in embodiment.state) or 'none'}"
    )


def _expect_target(embodiment: Embodiment, field: Field, name: str, states: Mapping[str, Field]) -> str:
    """`name`, which must be that of a state field that can be the action field's target."""
    if name not in states:
        raise UnknownName(f"state field of {embodiment.name!r}", name, states, "its declaration")
    seen = states[name]
    if (seen.size, seen.unit, seen.frame) != (field.size, field.unit, field.frame):
        raise MismatchError(
            f"expected a state of the size, unit and frame of action {field.description} to hold {embodiment.name!r}"
            f" still, got {seen.description}; declare another state field or a number"
        )
    return name


def _meaning(field: Field) -> tuple[object, ...]:
    """What must be equal for a state to be a target. The ranges of two positions may differ."""
    same = (field.kind, field.size, field.unit, field.frame)
    return same if field.kind == "position" else (*same, field.low, field.high)
