"""What is wrong with a policy's decision, in words that name its fault and the step."""

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.types import Decision

__all__ = ["FAR_WIDTHS", "malformed", "miscounted", "unexecutable"]

# Policies overshoot their range and the robot's driver clips that. In 22,831 kept episodes none whose training was
# finished went further than 1.0 widths beyond, and none after a few steps of training than 1.6 (docs/LOG.md). Wrong
# units are factors of 10 and more, and a network that diverges knows no bounds.
FAR_WIDTHS = 4.0


def miscounted(decisions: int, queries: int, step: int) -> str:
    """That a policy asked about `queries` episodes, this one at `step`, gave another number of `decisions`."""
    return f"the policy gave {decisions} decisions for {queries} episodes, at step {step}"


def malformed(decision: Decision, embodiment: Embodiment | None, step: int) -> str | None:
    """Why `decision`, made at `step`, is no chunk of actions of `embodiment` (None: of any); None: it is one."""
    chunk, valid, label = decision.chunk, decision.valid, decision.label
    wanted = f"float32 [steps, {'action dims' if embodiment is None else embodiment.action_dim}]"
    fits = (
        chunk.dtype == np.float32
        and chunk.ndim == 2
        and (embodiment is None or chunk.shape[1] == embodiment.action_dim)
    )
    if not fits:
        return f"the policy gave a chunk of {_words(chunk)}, expected {wanted}, at step {step}"
    if valid.dtype != np.bool_ or valid.shape != chunk.shape[:1]:
        return f"the policy gave valid of {_words(valid)}, expected bool [{len(chunk)}] as its chunk, at step {step}"
    if label is not None and (label.dtype, label.shape) != (chunk.dtype, chunk.shape):
        return f"the policy gave a label of {_words(label)}, expected {_words(chunk)} as its chunk, at step {step}"
    return None


def unexecutable(actions: Float32[np.ndarray, "K A"], embodiment: Embodiment | None, step: int) -> str | None:
    """Why no robot should execute `actions`, the first of them at `step`; None: it may.

    There must be one, all must be finite, and none further beyond its field's declared range than `FAR_WIDTHS` times
    the width of that range. What is less far beyond is the driver's to clip; a field without both limits has no range.
    """
    if len(actions) == 0:
        return f"the policy gave no valid action at step {step}"
    finite = np.isfinite(actions).all(axis=1)
    if not finite.all():
        return f"the policy gave an action that is not finite at step {step + int(finite.argmin())}"
    if embodiment is None:
        return None
    low, high = embodiment.action_range
    beyond = np.maximum(low - actions, actions - high) > FAR_WIDTHS * (high - low)
    if not beyond.any():
        return None
    at, dim = (int(place) for place in np.argwhere(beyond)[0])
    return (
        f"the policy gave {actions[at, dim]:g} for action {dim}, declared within [{low[dim]:g}, {high[dim]:g}]:"
        f" more than {FAR_WIDTHS:g} widths of that range beyond it, at step {step + at}"
    )


def _words(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"
