"""What is executed at each control step, whatever passed while the policy decided: one timeline for simulation, serving
and real time.

A chunk comes with two stamps, both absolute control steps of its episode: when its observation was made, and from when
on it may be used. There is no clock here, no thread and no network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Actor, Decision
from praxia.rollout.ensemble import ensemble, ensemble_weights

__all__ = ["Hold", "Stretch", "TimedChunk", "Timeline", "expected_delay", "next_query"]

# The action that holds the robot still after the last executed one, such as `HoldAction.after`.
Hold = Callable[[Float32[np.ndarray, " A"]], Float32[np.ndarray, " A"]]

# Real-time chunking expects the longest of the last ten delays (Black et al. 2025, arXiv 2506.07339, algorithm 1).
NUM_EXPECTED = 10


def expected_delay(delays: Sequence[int]) -> int:
    """The delay to expect after `delays`, in control steps: the longest of the last ten; 0 without any."""
    return max(delays[-NUM_EXPECTED:], default=0)


def next_query(observed: int, usable: int, num_executable: int, horizon: int, expected: int) -> int:
    """The step of the next decision, after one with `num_executable` actions from the step `observed` on.

    One decision is made at a time, so it is never before `usable`. Else `horizon` actions are executed, or so many less
    that a decision which takes the `expected` delay can follow without a gap.
    """
    return max(usable, observed + max(1, min(horizon, num_executable - expected)))


@dataclass(frozen=True)
class TimedChunk:
    """A decision on the observation at the step `observed`, for that step and those after it, usable from `usable`."""

    decision: Decision
    observed: int
    usable: int

    @property
    def end(self) -> int:
        """The first step after `observed` for which it has no valid action."""
        return self.observed + self.decision.num_executable

    @property
    def reach(self) -> int:
        """The first step after the chunk, valid or not."""
        return self.observed + len(self.decision.valid)


@dataclass(frozen=True)
class Stretch:
    """What is executed at K consecutive steps: actions and labels in declared units, and what is said about them.

    `ages` holds how many control steps old the observation behind each action is: 0 where the decision takes effect at
    once, under ensembling the weighted mean. It is NaN at starved steps, for which nothing was ready. There the action
    holds the robot still, its extras are zero, and nobody is its actor.
    """

    actions: Float32[np.ndarray, "K A"]
    labels: Float32[np.ndarray, "K A"]
    extras: dict[str, np.ndarray]
    actors: tuple[Actor | None, ...]
    ages: Float32[np.ndarray, " K"]

    @classmethod
    def join(cls, parts: Sequence["Stretch"]) -> "Stretch":
        """One after the other. All have the same extras."""
        if len(parts) == 1:
            return parts[0]
        extras = {name: np.concatenate([part.extras[name] for part in parts]) for name in parts[0].extras}
        actions, labels, ages = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("actions", "labels", "ages")
        )
        return cls(actions, labels, extras, tuple(actor for part in parts for actor in part.actors), ages)


@dataclass(frozen=True)
class Timeline:
    """The chunks of one episode that can still be executed, in the order of their observations.

    At each step the chunk with the newest observation is executed, among those that are usable by then. It replaces all
    older ones, also beyond its own end: where it has no valid action, the step is starved. A chunk that arrives after a
    newer one is not executed. With `ensemble` the valid predictions of all usable chunks for the step are averaged
    instead (`rollout.ensemble`), and it is starved where there is none.
    """

    ensemble: float | None = None
    chunks: tuple[TimedChunk, ...] = ()

    @property
    def end(self) -> int:
        """The first step for which the newest chunk has no action."""
        return self.chunks[-1].end if self.chunks else 0

    def add(self, decision: Decision, observed: int, usable: int) -> "Timeline":
        """With a copy of `decision`, and without chunks that cannot matter from the step `observed` on.

        It is a copy because a policy may reuse its arrays.
        """
        newest = self._newest(observed)
        kept = [
            one
            for one in self.chunks
            if one.reach > observed and (self.ensemble is not None or newest is None or one.observed >= newest.observed)
        ]
        added = TimedChunk(_copied(decision), observed, usable)
        return replace(self, chunks=tuple(sorted([*kept, added], key=lambda one: one.observed)))

    def stretch(
        self, first: int, end: int, hold: Hold | None = None, last: Float32[np.ndarray, " A"] | None = None
    ) -> Stretch:
        """What is executed from step `first` to before `end`.

        Starved steps repeat `hold` of the action before them, which is `last` for the first step. Without a `hold`, or
        before any action, the stretch ends at the first starved step and may be empty.
        """
        parts: list[Stretch] = []
        step = first
        while step < end:
            part = self._part(step, end)
            if len(part.actions) == 0:
                previous = parts[-1].actions[-1] if parts else last
                if hold is None or previous is None:
                    break
                part = self._held(hold(previous), self._change(step, end) - step)
            parts.append(part)
            step += len(part.actions)
        return Stretch.join(parts or [self._part(first, first)])

    def _part(self, step: int, end: int) -> Stretch:
        """What one decision, or one ensemble, says from `step` on: until `end`, or until another takes over."""
        if self.ensemble is not None:
            return self._averaged(self.ensemble, step, min(end, step + 1))
        chunk = self._newest(step)
        if chunk is None:
            return self._held(np.zeros(self._action_dim, np.float32), 0)
        stop = max(step, min(self._change(step, end), chunk.end))
        return _said(chunk, step - chunk.observed, stop - chunk.observed)

    def _averaged(self, rate: float, step: int, end: int) -> Stretch:
        usable = [(one.observed, one.decision) for one in self.chunks if one.usable <= step]
        action = ensemble(usable, step, rate) if usable else np.zeros((0, self._action_dim), np.float32)
        action = action[: end - step]
        ages = [step - at for at, one in usable if step - at < len(one.valid) and one.valid[step - at]]
        mean = [np.average(ages, weights=ensemble_weights(len(ages), rate))] if len(action) else []
        return Stretch(action, action, {}, (None,) * len(action), np.array(mean, np.float32))

    def _held(self, action: Float32[np.ndarray, " A"], count: int) -> Stretch:
        """`action` at `count` starved steps."""
        actions = np.tile(action.astype(np.float32), (count, 1))
        said = self.chunks[-1].decision.extras if self.chunks and self.ensemble is None else {}
        extras = {name: np.zeros((count, *value.shape[1:]), value.dtype) for name, value in said.items()}
        return Stretch(actions, actions, extras, (None,) * count, np.full(count, np.nan, np.float32))

    @property
    def _action_dim(self) -> int:
        return self.chunks[-1].decision.chunk.shape[1] if self.chunks else 0

    def _newest(self, step: int) -> TimedChunk | None:
        usable = [one for one in self.chunks if one.usable <= step]
        return max(usable, key=lambda one: one.observed) if usable else None

    def _change(self, step: int, end: int) -> int:
        """The first step after `step` at which another chunk becomes usable, or `end`."""
        return min([end, *(one.usable for one in self.chunks if one.usable > step)])


def _copied(decision: Decision) -> Decision:
    label = None if decision.label is None else decision.label.copy()
    extras = {name: value.copy() for name, value in decision.extras.items()}
    return replace(decision, chunk=decision.chunk.copy(), valid=decision.valid.copy(), label=label, extras=extras)


def _said(chunk: TimedChunk, first: int, end: int) -> Stretch:
    """The actions of a chunk from its number `first` to before `end`."""
    decision = chunk.decision
    actions = decision.chunk[first:end]
    labels = actions if decision.label is None else decision.label[first:end]
    extras = {name: value[first:end] for name, value in decision.extras.items()}
    return Stretch(actions, labels, extras, (decision.actor,) * len(actions), np.arange(first, end, dtype=np.float32))
