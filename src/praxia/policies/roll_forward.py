"""State and actions of the step at which a decision takes effect: a state rolled forward through committed actions.

VLASH (arXiv 2512.01031). While a policy decides, the robot executes actions that are known already. Where these are
targets of positions (of joints, or of a hand), they say what the state will be when the decision takes effect; the
images stay those that were observed. Training shifts state and actions ahead of the images in the same way. Deviations:
the state in training is that of the actions, too, not the recorded one, so that the network is trained on what it sees
in use; what the actions do not say, such as a velocity, stays as it was observed.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import Decision, Query
from praxia.core.window import Samples, Window
from praxia.transforms.relative import RelativeActions

__all__ = ["after_committed", "expect_rolled", "rolled_query", "shifted", "state_dims"]


def state_dims(embodiment: Embodiment, relative: RelativeActions | None) -> RelativeActions:
    """Which dims of an action are which dims of the state that it leads to: those that `relative` names, or of a name.

    Raises:
        MismatchError: the embodiment's actions say nothing about its state.
    """
    found = relative or RelativeActions.of(embodiment, {})
    if found is None:
        raise MismatchError(
            f"the actions of {embodiment.name!r} do not say what its state will be: expected a position with a state"
            f" field of its name, got {', '.join(part.description for part in embodiment.action)}; leave out"
            " --model.roll-forward"
        )
    return found


def expect_rolled(window: Window, most: int) -> None:
    """Raises MismatchError for a window of which up to `most` steps cannot be rolled forward."""
    steps = window.observation_steps.get("state", ())
    if steps != tuple(range(1 - len(steps), 1)) or not steps:
        raise MismatchError(
            f"a state that is rolled forward needs a window with states up to the present (0), one after the other, got"
            f" {list(steps)}; leave out --model.roll-forward or choose another recipe"
        )
    if not 0 <= most < window.horizon:
        raise MismatchError(f"expected to roll forward 0 to {window.horizon - 1} steps, below the horizon, got {most}")


def rolled_query(query: Query, dims: RelativeActions, most: int) -> Query:
    """The query about the step at which its decision takes effect, with the images that were observed.

    Raises:
        MismatchError: more steps than the `most` that the policy was trained for.
    """
    if query.committed is None or not len(query.committed):
        return query
    num = len(query.committed)
    if num > most:
        raise MismatchError(
            f"expected a delay of at most {most} control steps, over which the policy was trained to roll its state"
            f" forward, got {num}: train with --model.roll-forward {num}"
        )
    states = rolled(np.stack([one.state for one in query.history]), query.committed, dims)
    history = tuple(replace(one, state=state) for one, state in zip(query.history, states, strict=True))
    planned = None if query.planned is None else query.planned[num:]
    return replace(query, history=history, delay=0, committed=None, planned=planned)


def after_committed(decision: Decision, query: Query) -> Decision:
    """A decision from the step at which it takes effect on, as one from the present on: after what is committed."""
    if query.committed is None:
        return decision
    joined = np.concatenate([query.committed, decision.chunk])
    return replace(decision, chunk=joined[: len(decision.chunk)])


def rolled(
    states: Float32[np.ndarray, "T S"], actions: Float32[np.ndarray, "D A"], dims: RelativeActions
) -> Float32[np.ndarray, "T S"]:
    """The last T states when `actions` have been executed after `states`, which are one after the other."""
    coming = np.repeat(states[-1:], len(actions), axis=0)
    coming[:, list(dims.state)] = actions[:, list(dims.action)]
    return np.concatenate([states, coming])[len(actions) :]


def shifted(samples: Samples, delays: Int64[np.ndarray, " B"], dims: Sequence[RelativeActions]) -> Samples:
    """Training windows whose states and actions are `delays` steps ahead of their images, in declared units.

    `dims` are those of each embodiment. The last steps of the shifted chunks are not valid.
    """
    assert samples.action is not None, "a window that is shifted has actions"
    assert samples.action_valid is not None, "and says which are valid"
    state, state_valid = samples.state.copy(), samples.state_valid.copy()
    action, action_valid = samples.action.copy(), samples.action_valid.copy()
    for row, delay in enumerate(delays.tolist()):
        if delay:
            passed = samples.action[row, :delay]
            state[row] = rolled(samples.state[row], passed, dims[samples.embodiment[row]])
            state_valid[row] = _ahead(samples.state_valid[row], np.ones(delay, dtype=bool))
            action[row] = _ahead(samples.action[row], np.repeat(samples.action[row, -1:], delay, axis=0))
            action_valid[row] = _ahead(samples.action_valid[row], np.zeros(delay, dtype=bool))
    return replace(samples, state=state, state_valid=state_valid, action=action, action_valid=action_valid)


def _ahead(values: Shaped[np.ndarray, "T *D"], coming: Shaped[np.ndarray, "K *D"]) -> Shaped[np.ndarray, "T *D"]:
    """The T newest values when `coming` follow `values`."""
    return np.concatenate([values, coming])[len(coming) :]
