"""From the steps of a rollout to transitions: what one decision led to.

Axes: N transitions, P numbers of privileged state, A action dims.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32

from praxia.core.simulator import flat_privileged
from praxia.rollout.types import Step
from praxia.transforms.chain import Transforms

__all__ = ["Replay", "Transition", "TransitionBatch", "TransitionMaker", "as_row", "join"]


@dataclass(frozen=True)
class Transition:
    """One decision of the episode `episode` (its job's index), and what it led to.

    `action` is in declared units, as it was executed for `num_steps` control steps; `reward` is the mean of theirs.
    `terminated`: nothing follows. `truncated`: the episode was cut off, and `next_state` has a value. `extras` are
    those of the decision's first action.
    """

    episode: int
    state: Float32[np.ndarray, " P"]
    action: Float32[np.ndarray, " A"]
    reward: float
    next_state: Float32[np.ndarray, " P"]
    terminated: bool
    truncated: bool
    num_steps: int
    extras: Mapping[str, np.ndarray]


def as_row(transition: Transition, transforms: Transforms, reward_scale: float) -> "TransitionBatch":
    """A batch of one, with the action within [-1, 1] and the reward scaled."""
    action = transforms.encode_actions(transition.action[None, None], 0, np.zeros((1, 0), np.float32))[0]
    return TransitionBatch(
        transition.state[None],
        action,
        np.array([transition.reward * reward_scale], np.float32),
        transition.next_state[None],
        np.array([not transition.terminated]),
    )


class TransitionMaker:
    """Makes transitions of steps: privileged state is known where the policy decides, before and after its chunk.

    `add` is called with each, in the order in which the loop hands on their last steps.
    """

    def __init__(self, layout: Mapping[str, int], add: Callable[[Transition], None]):
        self._layout, self._add = layout, add
        # The first step of the decision under way and the rewards since, by episode.
        self._begun: dict[int, tuple[Step, list[float]]] = {}

    def __call__(self, step: Step) -> None:
        episode = step.job.index
        if step.privileged is not None:
            self._begun[episode] = step, []
        first, rewards = self._begun[episode]
        rewards.append(step.outcome.reward)
        if step.next_privileged is None:
            return
        del self._begun[episode]
        self._add(
            Transition(
                episode,
                self._flat(first.privileged),
                first.action,
                float(np.mean(rewards)),
                self._flat(step.next_privileged),
                step.terminated,
                step.truncated,
                len(rewards),
                first.extras,
            )
        )

    def _flat(self, privileged: Mapping[str, np.ndarray] | None) -> Float32[np.ndarray, " P"]:
        return flat_privileged(privileged or {}, self._layout).astype(np.float32)


@dataclass(frozen=True)
class TransitionBatch:
    """Transitions as arrays. `action` is within [-1, 1], and `goes_on` false where the task ended."""

    state: Float32[np.ndarray, "N P"]
    action: Float32[np.ndarray, "N A"]
    reward: Float32[np.ndarray, " N"]
    next_state: Float32[np.ndarray, "N P"]
    goes_on: Bool[np.ndarray, " N"]


def join(first: TransitionBatch, second: TransitionBatch) -> TransitionBatch:
    """The transitions of both, one after the other."""
    return TransitionBatch(**{name: np.concatenate([one, getattr(second, name)]) for name, one in _items(first)})


class Replay:
    """The newest `capacity` transitions, in the order in which they were added: by decision, then by slot.

    Memory is taken as it fills: half as much again each time.
    """

    def __init__(self, capacity: int, state_dim: int, action_dim: int):
        self.capacity = capacity
        # How many were ever added; the next one's place follows from it.
        self.added = 0
        self._arrays = _empty(0, state_dim, action_dim)

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, row: TransitionBatch) -> None:
        """Add one transition, a batch of one; the oldest makes room."""
        place = self.added % self.capacity
        if place >= len(self._arrays.reward):
            self._grow(min(self.capacity, max(1024, place + place // 2)))
        for name, value in _items(self._arrays):
            value[place] = getattr(row, name)[0]
        self.added += 1

    def sample(self, count: int, rng: np.random.Generator) -> TransitionBatch:
        """`count` transitions, each drawn uniformly."""
        rows = rng.integers(len(self), size=count)
        return TransitionBatch(**{name: value[rows] for name, value in _items(self._arrays)})

    def arrays(self) -> dict[str, np.ndarray]:
        """What it holds, as copies by name."""
        return {name: value[: len(self)].copy() for name, value in _items(self._arrays)}

    def restore(self, arrays: Mapping[str, np.ndarray], added: int) -> None:
        """Hold what `arrays` returned when so many had been added."""
        self._arrays = TransitionBatch(**{name: np.array(value) for name, value in arrays.items()})
        self.added = added

    def _grow(self, size: int) -> None:
        old = self._arrays
        self._arrays = _empty(size, old.state.shape[1], old.action.shape[1])
        for name, value in _items(self._arrays):
            value[: len(old.reward)] = getattr(old, name)


def _empty(size: int, state_dim: int, action_dim: int) -> TransitionBatch:
    state, action = ((size, dim) for dim in (state_dim, action_dim))
    return TransitionBatch(
        np.zeros(state, np.float32),
        np.zeros(action, np.float32),
        np.zeros(size, np.float32),
        np.zeros(state, np.float32),
        np.zeros(size, np.bool_),
    )


def _items(batch: TransitionBatch) -> list[tuple[str, np.ndarray]]:
    return [(one.name, getattr(batch, one.name)) for one in fields(batch)]
