"""Faults of a policy's decisions: each function returns a sentence that names the fault and its step, or None."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float32

from praxia.core.embodiment import Embodiment
from praxia.core.types import ACTORS, Decision

__all__ = ["MAX_WIDTHS_BEYOND_RANGE", "action_fault", "count_fault", "decision_fault", "extras_fault", "num_sound"]

# Arrays by name, one row per action of a chunk.
Extras = Mapping[str, np.ndarray]

# Policies overshoot their range and the robot's driver clips that. In 22,831 stored episodes no policy whose training
# was finished went further than 1.0 widths beyond, and none after a few steps of training further than 1.6
# (docs/LOG.md). Wrong units are factors of 10 and more, and a network that diverges has no bounds.
MAX_WIDTHS_BEYOND_RANGE = 4.0


def count_fault(num_decisions: int, num_queries: int, step: int) -> str:
    """The policy answered `num_queries` queries, one of them at `step`, with another number of decisions."""
    return f"the policy gave {num_decisions} decisions for {num_queries} episodes, at step {step}"


def decision_fault(decision: Decision, embodiment: Embodiment | None, step: int) -> str | None:
    """Why `decision`, made at `step`, is not a chunk of actions of `embodiment` (None: of any)."""
    if decision.fault is not None:
        return f"the policy {decision.fault}, at step {step}"
    chunk, valid, label = decision.chunk, decision.valid, decision.label
    expected = f"float32 [steps, {'action dims' if embodiment is None else embodiment.action_dim}]"
    fits = (
        chunk.dtype == np.float32
        and chunk.ndim == 2
        and (embodiment is None or chunk.shape[1] == embodiment.action_dim)
    )
    if not fits:
        return f"the policy gave a chunk of {_described(chunk)}, expected {expected}, at step {step}"
    if valid.dtype != np.bool_ or valid.shape != chunk.shape[:1]:
        expected = f"bool [{len(chunk)}]"
        return f"the policy gave valid of {_described(valid)}, expected {expected} as its chunk, at step {step}"
    if label is not None and (label.dtype, label.shape) != (chunk.dtype, chunk.shape):
        expected = _described(chunk)
        return f"the policy gave a label of {_described(label)}, expected {expected} as its chunk, at step {step}"
    for name, value in decision.extras.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or value.shape[:1] != chunk.shape[:1]:
            expected = f"numbers [{len(chunk)}, ...]"
            return f"the policy gave {name!r} of {_described(value)}, expected {expected} as its chunk, at step {step}"
    if decision.actor not in (None, *ACTORS):
        return f"the policy gave the actor {decision.actor!r}, expected one of {', '.join(ACTORS)}, at step {step}"
    return None


def extras_fault(extras: Extras, first: Extras, step: int) -> str | None:
    """Why the `extras` of a decision made at `step` are not those of the episode's first decision."""
    ours, expected = ({name: _row(value) for name, value in one.items()} for one in (extras, first))
    if ours == expected:
        return None
    return f"the policy gave the extras {ours or 'none'}, expected {expected or 'none'} as at first, at step {step}"


def _row(value: np.ndarray) -> str:
    return f"{value.dtype} {list(value.shape[1:])}"


def action_fault(actions: Float32[np.ndarray, "K A"], embodiment: Embodiment | None, step: int) -> str | None:
    """Why no robot should execute `actions`, the first of them at `step`.

    There must be at least one, all must be finite, and none may exceed its field's declared range by more than
    `MAX_WIDTHS_BEYOND_RANGE` times the width of that range. The driver clips smaller excesses. A field without both
    limits has no range.
    """
    if len(actions) == 0:
        return f"the policy gave no valid action at step {step}"
    finite = np.isfinite(actions).all(axis=1)
    if not finite.all():
        return f"the policy gave an action that is not finite at step {step + int(finite.argmin())}"
    if embodiment is None:
        return None
    low, high = embodiment.action_range
    is_far = _is_far(actions, embodiment)
    if not is_far.any():
        return None
    row, dim = (int(index) for index in np.argwhere(is_far)[0])
    return (
        f"the policy gave {actions[row, dim]:g} for action {dim}, declared within [{low[dim]:g}, {high[dim]:g}]:"
        f" more than {MAX_WIDTHS_BEYOND_RANGE:g} widths of that range beyond it, at step {step + row}"
    )


def num_sound(actions: Float32[np.ndarray, "K A"], embodiment: Embodiment) -> int:
    """How many actions come before the first that is a fault (`action_fault`)."""
    is_finite = np.isfinite(actions)
    is_bad = (_is_far(np.where(is_finite, actions, 0), embodiment) | ~is_finite).any(axis=1)
    return int(is_bad.argmax()) if is_bad.any() else len(actions)


def _is_far(actions: Float32[np.ndarray, "K A"], embodiment: Embodiment) -> Bool[np.ndarray, "K A"]:
    low, high = embodiment.action_range
    return np.maximum(low - actions, actions - high) > MAX_WIDTHS_BEYOND_RANGE * (high - low)


def _described(array: object) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
