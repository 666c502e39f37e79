"""Sequences: consecutive windows of one step each as one sample, from one episode into the next.

Axes: N windows, B batch, L steps of a sequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.window import Samples

__all__ = ["Chains", "joined"]


@dataclass(frozen=True)
class Chains:
    """Which windows follow which: an episode's frames, then those of the next episode with the same instruction.

    `order` lists all windows chain by chain, `place` is where in it each window is, and `last` where its chain ends.
    """

    order: Int64[np.ndarray, " N"]
    place: Int64[np.ndarray, " N"]
    last: Int64[np.ndarray, " N"]

    @classmethod
    def of(cls, task: Int64[np.ndarray, " N"], is_first: Bool[np.ndarray, " N"]) -> "Chains":
        """From the number of each window's instruction, and where episodes begin.

        A sample has one instruction. So the parts of an episode whose instruction changes are chains of their own.
        """
        changes = np.append(False, task[1:] != task[:-1])
        episode = np.cumsum(is_first)
        mixed = np.isin(episode, episode[changes & ~is_first])
        chain = np.where(mixed, task.max(initial=0) + 1 + np.cumsum(changes | is_first), task)
        order = np.argsort(chain, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(order, place, np.searchsorted(chain[order], chain, side="right") - 1)

    def following(
        self, windows: Int64[np.ndarray, " B"], length: int
    ) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """The `length` windows from each of `windows` on, the chain's last repeated, and which are no repetition."""
        wanted = self.place[windows, None] + np.arange(length)
        found = np.minimum(wanted, self.last[windows, None])
        return self.order[found], found == wanted


def joined(steps: Samples, is_first: Bool[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> Samples:
    """B sequences of the B x L windows `steps`, of one step each; nothing of a step that is not valid is valid."""

    def sequences(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: sequences(name, item) for key, item in value.items()}
        if value is None or name in ("instruction", "embodiment"):
            return value if value is None else value[:: valid.shape[1]]
        found = value.reshape(len(valid), valid.shape[1] * value.shape[1], *value.shape[2:])
        return found & valid if name.endswith("_valid") and value.shape[1] else found

    found = {one.name: sequences(one.name, getattr(steps, one.name)) for one in fields(steps)}
    return Samples(**{**found, "is_first": is_first & valid})
