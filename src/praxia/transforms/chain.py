"""All transforms of one policy, in the order they are applied: the part of a checkpoint that is not weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import MismatchError
from praxia.core.types import Samples
from praxia.transforms.normalise import Normaliser
from praxia.transforms.prompt import Prompt
from praxia.transforms.relative import Relative
from praxia.transforms.subwords import Subwords

__all__ = ["BodyTransforms", "Stats", "Transforms"]

# One feature's statistics: {"q01": [...], "q99": [...], ...}, and a data set's: {feature: statistics}.
FeatureStats = Mapping[str, Sequence[float]]
Stats = Mapping[str, FeatureStats]


@dataclass(frozen=True)
class BodyTransforms:
    """Normalisation of one body's state and action, the latter after `relative`; None: actions stay absolute."""

    state: Normaliser
    action: Normaliser
    relative: Relative | None = None

    @classmethod
    def fit(cls, stats: Iterable[Stats]) -> "BodyTransforms":
        """From the statistics of all of the body's data sets (features "observation.state" and "action")."""
        stats = list(stats)
        return cls(
            state=Normaliser.from_stats(*(one["observation.state"] for one in stats)),
            action=Normaliser.from_stats(*(one["action"] for one in stats)),
        )

    def told_by(self, relative: Relative, *action: FeatureStats) -> "BodyTransforms":
        """With actions that are `relative`, normalised by their statistics as such in all of the body's data sets."""
        return replace(self, action=Normaliser.from_stats(*action), relative=relative)

    def to_json(self) -> dict[str, Any]:
        normalisers = {"state": self.state.to_json(), "action": self.action.to_json()}
        return normalisers if self.relative is None else {**normalisers, "relative": self.relative.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "BodyTransforms":
        relative = Relative.from_json(value["relative"]) if "relative" in value else None
        return cls(Normaliser.from_json(value["state"]), Normaliser.from_json(value["action"]), relative)


@dataclass(frozen=True)
class Transforms:
    """What happens to each body's state and action, in the order of the embodiments, and the words of instructions."""

    bodies: tuple[BodyTransforms, ...]
    words: Subwords | Prompt

    @classmethod
    def fit(
        cls, stats: Iterable[Iterable[Stats]], instructions: Sequence[str], words: Prompt | None = None
    ) -> "Transforms":
        """From the statistics of the data sets of each body and, unless a model brings `words`, all instructions."""
        return cls(tuple(BodyTransforms.fit(body) for body in stats), words or Subwords.fit(instructions))

    def encode(self, samples: Samples) -> Samples:
        """Normalise each row by its own body; dims that it does not have become zero.

        Relative actions are so to the last moment of `samples.state`, which must be the present. State and action come
        out padded to the largest body's. Pictures stay uint8 until they are on the device.
        """
        state = _by_body(samples.state, samples.embodiment, [body.state for body in self.bodies])
        if samples.action is None:
            return replace(samples, state=state)
        action = _by_body(self._related(samples), samples.embodiment, [body.action for body in self.bodies])
        return replace(samples, state=state, action=action)

    def text(self, samples: Samples) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids of what encoded samples are told, padded with 0, and which of them count."""
        own = [body.state.size for body in self.bodies]
        if len(set(own)) > 1 and isinstance(self.words, Prompt) and self.words.tells_state:
            raise MismatchError(f"a prompt that tells the state needs bodies of one state size, got {own}")
        return self.words.encode(samples.instruction, samples.state[:, -1])

    def _related(self, samples: Samples) -> Float32[np.ndarray, "B H A"]:
        """Actions in declared units, relative where their body's are."""
        assert samples.action is not None
        if all(body.relative is None for body in self.bodies):
            return samples.action
        action = samples.action.copy()
        for number, body in enumerate(self.bodies):
            if body.relative is not None:
                rows = samples.embodiment == number
                action[rows] = body.relative.encode(action[rows], samples.state[rows, -1])
        return action

    def decode(
        self,
        action: Float32[np.ndarray, "*batch H A"],
        body: int,
        present: Float32[np.ndarray, "*batch S"] | None = None,
    ) -> Float32[np.ndarray, "*batch H D"]:
        """Network outputs to the declared units of the embodiment numbered `body`, cut to its own dims.

        `present` is the state at the moment of the decision, in declared units. Only relative actions need it.
        """
        transforms = self.bodies[body]
        found = transforms.action.decode(action[..., : transforms.action.size])
        if transforms.relative is None:
            return found
        assert present is not None, "relative actions are decoded with the state that they are relative to"
        return transforms.relative.decode(found, present)

    def to_json(self) -> dict[str, Any]:
        return {
            "bodies": [body.to_json() for body in self.bodies],
            "prompt" if isinstance(self.words, Prompt) else "subwords": self.words.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Transforms":
        words = Prompt(**value["prompt"]) if "prompt" in value else Subwords(**value["subwords"])
        return cls(tuple(map(BodyTransforms.from_json, value["bodies"])), words)


def _by_body(
    value: Float32[np.ndarray, "B T D"], embodiment: Int64[np.ndarray, " B"], normalisers: Sequence[Normaliser]
) -> Float32[np.ndarray, "B T E"]:
    """Each row through the normaliser of its body, padded with zeros to the largest."""
    encoded = np.zeros((*value.shape[:-1], max(one.size for one in normalisers)), dtype=np.float32)
    for body in np.unique(embodiment):
        normaliser, rows = normalisers[body], embodiment == body
        encoded[rows, :, : normaliser.size] = normaliser.encode(value[rows, :, : normaliser.size])
    return encoded
