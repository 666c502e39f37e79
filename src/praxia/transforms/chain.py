"""All transforms of one policy, in the order they are applied: the part of a checkpoint that is not weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Samples
from praxia.transforms.normalise import Normaliser
from praxia.transforms.subwords import Subwords

__all__ = ["Transforms"]


@dataclass(frozen=True)
class Transforms:
    """State and action normalisation and the instruction vocabulary."""

    state: Normaliser
    action: Normaliser
    subwords: Subwords

    @classmethod
    def fit(cls, stats: Mapping[str, Mapping[str, Sequence[float]]], instructions: Sequence[str]) -> "Transforms":
        """From a data set's statistics (features "observation.state" and "action") and its instructions."""
        return cls(
            state=Normaliser.from_stats(stats["observation.state"]),
            action=Normaliser.from_stats(stats["action"]),
            subwords=Subwords.fit(instructions),
        )

    def encode(self, samples: Samples) -> Samples:
        """Normalise state and action; pictures stay uint8 until they are on the device."""
        action = None if samples.action is None else self.action.encode(samples.action)
        return replace(samples, state=self.state.encode(samples.state), action=action)

    def decode(self, action: Float32[np.ndarray, "*batch H A"]) -> Float32[np.ndarray, "*batch H A"]:
        """Network outputs to declared units."""
        return self.action.decode(action)

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state.to_json(),
            "action": self.action.to_json(),
            "subwords": {"model": self.subwords.model, "max_length": self.subwords.max_length},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Transforms":
        return cls(
            state=Normaliser.from_json(value["state"]),
            action=Normaliser.from_json(value["action"]),
            subwords=Subwords(**value["subwords"]),
        )
