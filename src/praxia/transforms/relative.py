"""Actions as positions relative to the robot's state at the time of the decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, Field, dim_order, field_slices
from praxia.core.errors import MismatchError, UnknownName

__all__ = ["RelativeActions", "find_relative_actions"]


@dataclass(frozen=True)
class RelativeActions:
    """Which dims of an action are relative to which dims of the present state, one for one.

    All steps of a chunk are relative to the one observed state, not each to the step before, so errors do not add
    up. Other dims (grippers, deltas, velocities) stay as they are.

    Source: openpi's `DeltaActions` (pi0); UMI (Chi et al. 2024, arXiv 2402.10329). Deviation from UMI:
    rotations are subtracted dim by dim, as pi0 does with joint angles, not composed as poses.
    """

    action: tuple[int, ...]
    state: tuple[int, ...]

    @classmethod
    def of(cls, embodiment: Embodiment, sources: Mapping[str, str]) -> "RelativeActions | None":
        """Position fields of the action, relative to the state field of that name or to the one that `sources` names.

        Dims are matched by name where both fields have the same names, else in order. None: the embodiment has no such
        field.

        Raises:
            MismatchError: the kind, size, unit or frame of the two fields differ.
            UnknownName: `sources` names a state field that the embodiment does not have.
        """
        states = {part.name: (part, dims) for part, dims in field_slices(embodiment.state)}
        action, state = [], []
        for part, dims in field_slices(embodiment.action):
            source = sources.get(part.name, part.name)
            if part.name in sources and source not in states:
                raise UnknownName(f"state field of {embodiment.name!r}", source, states, "praxia data stats DIR")
            if part.name not in sources and (part.kind != "position" or source not in states):
                continue
            seen, seen_dims = states[source]
            _expect_same(embodiment, part, seen)
            action += range(dims.start, dims.stop)
            state += (seen_dims.start + at for at in dim_order(seen.dims, part.dims) or range(seen.size))
        return cls(tuple(action), tuple(state)) if action else None

    def encode(
        self, action: Float32[np.ndarray, "*batch H A"], state: Float32[np.ndarray, "*batch S"]
    ) -> Float32[np.ndarray, "*batch H A"]:
        """Declared units to the same units relative to `state`, the present one. Exact to float32's last bit."""
        return self._moved(action, state, -1)

    def decode(
        self, action: Float32[np.ndarray, "*batch H A"], state: Float32[np.ndarray, "*batch S"]
    ) -> Float32[np.ndarray, "*batch H A"]:
        """The inverse of `encode`."""
        return self._moved(action, state, 1)

    def _moved(self, action: np.ndarray, state: np.ndarray, sign: int) -> np.ndarray:
        moved, dims = action.copy(), list(self.action)
        present = state[..., None, list(self.state)].astype(np.float64)
        moved[..., dims] = action[..., dims] + sign * present
        return moved

    def fields(self, action: Sequence[Field]) -> list[Field]:
        """The fields of an action as a policy sees them: relative ones are deltas within the width of their range."""
        return [self._field(part) if dims.start in self.action else part for part, dims in field_slices(action)]

    @staticmethod
    def _field(part: Field) -> Field:
        width = None if part.low is None or part.high is None else part.high - part.low
        return replace(part, kind="delta", low=None if width is None else -width, high=width)

    def to_json(self) -> dict[str, Any]:
        return {"action": list(self.action), "state": list(self.state)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RelativeActions":
        return cls(tuple(value["action"]), tuple(value["state"]))


def find_relative_actions(
    embodiments: Sequence[Embodiment], sources: Mapping[str, str]
) -> tuple[RelativeActions | None, ...]:
    """`RelativeActions.of` for each embodiment; actions that are deltas or velocities stay as they are.

    Raises:
        MismatchError: no action of any embodiment can be relative; otherwise as `RelativeActions.of`.
        UnknownName: `sources` names an action field that no embodiment has.
    """
    known = {part.name for embodiment in embodiments for part in embodiment.action}
    for name in sources:
        if name not in known:
            raise UnknownName("action field", name, known, "praxia data stats DIR")
    found = tuple(RelativeActions.of(embodiment, sources) for embodiment in embodiments)
    if not any(found):
        raise MismatchError(
            "no action can be relative: expected a position with a state field of its name, got"
            f" {_listed(embodiments)}; leave out --relative, or name the state field with --relative-to ACTION STATE"
        )
    return found


def _expect_same(embodiment: Embodiment, action: Field, state: Field) -> None:
    meanings = [("position", state.size, state.unit, state.frame), (state.kind, action.size, action.unit, action.frame)]
    if action.kind != "position" or meanings[0] != meanings[1]:
        raise MismatchError(
            f"action {action.description} of {embodiment.name!r} cannot be relative to state {state.description}: both"
            " must be positions of one size, unit and frame"
        )


def _listed(embodiments: Sequence[Embodiment]) -> str:
    return "; ".join(
        f"{embodiment.name!r} with actions {', '.join(part.description for part in embodiment.action)} and states"
        f" {', '.join(part.description for part in embodiment.state)}"
        for embodiment in embodiments
    )
