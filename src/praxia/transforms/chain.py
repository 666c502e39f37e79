"""All transforms of one policy, in the order they are applied: the part of a checkpoint that is not weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import MismatchError
from praxia.core.types import Samples
from praxia.transforms.normalise import Normaliser
from praxia.transforms.prompt_tokenizer import PromptTokenizer
from praxia.transforms.relative import Relative
from praxia.transforms.text_tokenizer import TextTokenizer

__all__ = ["EmbodimentTransforms", "Stats", "Transforms"]

# One feature's statistics: {"q01": [...], "q99": [...], ...}, and a data set's: {feature: statistics}.
FeatureStats = Mapping[str, Sequence[float]]
Stats = Mapping[str, FeatureStats]


@dataclass(frozen=True)
class EmbodimentTransforms:
    """Normalisation of one embodiment's state and action, the latter after `relative`; None: actions stay absolute."""

    state: Normaliser
    action: Normaliser
    relative: Relative | None = None

    @classmethod
    def fit(cls, stats: Iterable[Stats]) -> "EmbodimentTransforms":
        """From the statistics of all of the embodiment's data sets (features "observation.state" and "action")."""
        stats = list(stats)
        return cls(
            state=Normaliser.from_stats(*(one["observation.state"] for one in stats)),
            action=Normaliser.from_stats(*(one["action"] for one in stats)),
        )

    def told_by(self, relative: Relative, *action: FeatureStats) -> "EmbodimentTransforms":
        """With actions that are `relative`, normalised by their statistics as such in all of the embodiment's data sets."""
        return replace(self, action=Normaliser.from_stats(*action), relative=relative)

    def to_json(self) -> dict[str, Any]:
        normalisers = {"state": self.state.to_json(), "action": self.action.to_json()}
        return normalisers if self.relative is None else {**normalisers, "relative": self.relative.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "EmbodimentTransforms":
        relative = Relative.from_json(value["relative"]) if "relative" in value else None
        return cls(Normaliser.from_json(value["state"]), Normaliser.from_json(value["action"]), relative)


@dataclass(frozen=True)
class Transforms:
    """What happens to each embodiment's state and action, in the order of the embodiments, and the words of instructions."""

    embodiments: tuple[EmbodimentTransforms, ...]
    words: TextTokenizer | PromptTokenizer

    @classmethod
    def fit(
        cls, stats: Iterable[Iterable[Stats]], instructions: Sequence[str], words: PromptTokenizer | None = None
    ) -> "Transforms":
        """From the statistics of the data sets of each embodiment and, unless a model brings `words`, all instructions."""
        return cls(
            tuple(EmbodimentTransforms.fit(embodiment) for embodiment in stats),
            words or TextTokenizer.fit(instructions),
        )

    def encode(self, samples: Samples) -> Samples:
        """Normalise each row by its own embodiment; dims that it does not have become zero.

        Relative actions are so to the last moment of `samples.state`, which must be the present. State and action come
        out padded to the largest embodiment's. Images stay uint8 until they are on the device.
        """
        state = _by_embodiment(samples.state, samples.embodiment, [embodiment.state for embodiment in self.embodiments])
        if samples.action is None:
            return replace(samples, state=state)
        action = _by_embodiment(
            self._related(samples), samples.embodiment, [embodiment.action for embodiment in self.embodiments]
        )
        return replace(samples, state=state, action=action)

    def text(self, samples: Samples) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids of what encoded samples are told, padded with 0, and which of them count."""
        own = [embodiment.state.size for embodiment in self.embodiments]
        if len(set(own)) > 1 and isinstance(self.words, PromptTokenizer) and self.words.tells_state:
            raise MismatchError(f"a prompt that tells the state needs embodiments of one state size, got {own}")
        return self.words.encode(samples.instruction, samples.state[:, -1])

    def _related(self, samples: Samples) -> Float32[np.ndarray, "B H A"]:
        """Actions in declared units, relative where their embodiment's are."""
        assert samples.action is not None
        if all(embodiment.relative is None for embodiment in self.embodiments):
            return samples.action
        action = samples.action.copy()
        for number, embodiment in enumerate(self.embodiments):
            if embodiment.relative is not None:
                rows = samples.embodiment == number
                action[rows] = embodiment.relative.encode(action[rows], samples.state[rows, -1])
        return action

    def decode(
        self,
        action: Float32[np.ndarray, "*batch H A"],
        embodiment: int,
        present: Float32[np.ndarray, "*batch S"] | None = None,
    ) -> Float32[np.ndarray, "*batch H D"]:
        """Network outputs to the declared units of the embodiment numbered `embodiment`, cut to its own dims.

        `present` is the state at the moment of the decision, in declared units. Only relative actions need it.
        """
        transforms = self.embodiments[embodiment]
        found = transforms.action.decode(action[..., : transforms.action.size])
        if transforms.relative is None:
            return found
        assert present is not None, "relative actions are decoded with the state that they are relative to"
        return transforms.relative.decode(found, present)

    def to_json(self) -> dict[str, Any]:
        return {
            "embodiments": [embodiment.to_json() for embodiment in self.embodiments],
            "prompt" if isinstance(self.words, PromptTokenizer) else "text-tokenizer": self.words.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Transforms":
        words = PromptTokenizer(**value["prompt"]) if "prompt" in value else TextTokenizer(**value["text-tokenizer"])
        return cls(tuple(map(EmbodimentTransforms.from_json, value["embodiments"])), words)


def _by_embodiment(
    value: Float32[np.ndarray, "B T D"], embodiment: Int64[np.ndarray, " B"], normalisers: Sequence[Normaliser]
) -> Float32[np.ndarray, "B T E"]:
    """Each row through the normaliser of its embodiment, padded with zeros to the largest."""
    encoded = np.zeros((*value.shape[:-1], max(one.size for one in normalisers)), dtype=np.float32)
    for number in np.unique(embodiment):
        normaliser, rows = normalisers[number], embodiment == number
        encoded[rows, :, : normaliser.size] = normaliser.encode(value[rows, :, : normaliser.size])
    return encoded
