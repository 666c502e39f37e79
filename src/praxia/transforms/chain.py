"""All transforms of a policy, in the order in which they are applied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.core.errors import MismatchError
from praxia.core.window import Samples
from praxia.transforms.normalise import Normalisation, Normaliser
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import PromptTokenizer, TextTokenizer

__all__ = ["EmbodimentTransforms", "Stats", "Transforms"]

# The statistics of one feature: {"q01": [...], "q99": [...], ...}, and of a data set: {feature: statistics}.
FeatureStats = Mapping[str, Sequence[float]]
Stats = Mapping[str, FeatureStats]


@dataclass(frozen=True)
class EmbodimentTransforms:
    """One embodiment's normalisers of state and action. The action's follows `relative`; None: actions are absolute."""

    state: Normaliser
    action: Normaliser
    relative: RelativeActions | None = None

    @classmethod
    def fit(cls, stats: Iterable[Stats], normalisation: Normalisation = "quantiles") -> "EmbodimentTransforms":
        """From the statistics of all data sets of the embodiment: features "observation.state", and "action" where a
        data set has actions.
        """
        stats = list(stats)
        return cls(
            state=Normaliser.from_stats(*(one["observation.state"] for one in stats), normalisation=normalisation),
            action=Normaliser.from_stats(
                *(one["action"] for one in stats if "action" in one), normalisation=normalisation
            ),
        )

    def with_relative(
        self, relative: RelativeActions, *stats: FeatureStats, normalisation: Normalisation = "quantiles"
    ) -> "EmbodimentTransforms":
        """With `relative` actions, normalised by their `stats` in each data set of the embodiment."""
        action = Normaliser.from_stats(*stats, normalisation=normalisation)
        return replace(self, action=action, relative=relative)

    def to_json(self) -> dict[str, Any]:
        normalisers = {"state": self.state.to_json(), "action": self.action.to_json()}
        return normalisers if self.relative is None else {**normalisers, "relative": self.relative.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "EmbodimentTransforms":
        relative = RelativeActions.from_json(value["relative"]) if "relative" in value else None
        return cls(Normaliser.from_json(value["state"]), Normaliser.from_json(value["action"]), relative)


@dataclass(frozen=True)
class Transforms:
    """The transforms of each embodiment, in the policy's order of embodiments, and the tokenizer of instructions."""

    embodiments: tuple[EmbodimentTransforms, ...]
    tokenizer: TextTokenizer | PromptTokenizer

    @classmethod
    def fit(
        cls,
        stats: Iterable[Iterable[Stats]],
        instructions: Sequence[str],
        tokenizer: PromptTokenizer | None = None,
    ) -> "Transforms":
        """From the statistics of each embodiment's data sets. Without a `tokenizer` one is fitted on `instructions`."""
        embodiments = tuple(map(EmbodimentTransforms.fit, stats))
        return cls(embodiments, tokenizer or TextTokenizer.fit(instructions))

    def encode(self, samples: Samples) -> Samples:
        """Normalise each row by the transforms of its embodiment; dims that it does not have become zero.

        Relative actions, also past ones, are relative to the last timestep of `samples.state`, which must be the
        present. State and action come out padded to the largest embodiment's size. Images stay uint8 until they are on
        the device.
        """
        number, of_state = samples.embodiment, [one.state for one in self.embodiments]
        state = _by_embodiment(samples.state, number, of_state)
        if samples.target_state is not None:
            samples = replace(samples, target_state=_by_embodiment(samples.target_state, number, of_state))
        of_action = [one.action for one in self.embodiments]
        encoded = {
            name: _by_embodiment(self._relative(value, samples), number, of_action)
            for name in ("action", "past_action")
            if (value := getattr(samples, name)) is not None
        }
        return replace(samples, state=state, **encoded)

    def text(self, samples: Samples) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens of the prompts of encoded samples, padded with 0, and which of them are valid."""
        sizes = [one.state.size for one in self.embodiments]
        if len(set(sizes)) > 1 and self.tokenizer.includes_state:
            raise MismatchError(f"a prompt with the state needs embodiments of one state size, got {sizes}")
        if samples.is_first is not None and self.tokenizer.includes_state:
            raise MismatchError("a prompt with the state needs windows, got sequences, whose every step has a state")
        if samples.state.shape[1] == 0:
            if self.tokenizer.includes_state:
                raise MismatchError("a prompt with the state needs a window with the state, got one without")
            return self.tokenizer.encode(samples.instruction, np.zeros((len(samples.state), 0), np.float32))
        return self.tokenizer.encode(samples.instruction, samples.state[:, -1])

    def _relative(self, action: Float32[np.ndarray, "B H A"], samples: Samples) -> Float32[np.ndarray, "B H A"]:
        """Actions in declared units, relative for embodiments whose actions are."""
        if all(one.relative is None for one in self.embodiments):
            return action
        action = action.copy()
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
        """Network outputs in the declared units of the embodiment numbered `embodiment`, without padded dims.

        `present` is the state at the time of the decision, in declared units. Only relative actions need it.
        """
        transforms = self.embodiments[embodiment]
        decoded = transforms.action.decode(action[..., : transforms.action.size])
        if transforms.relative is None:
            return decoded
        assert present is not None, "relative actions are decoded with the state that they are relative to"
        return transforms.relative.decode(decoded, present)

    def encode_actions(
        self, action: Float32[np.ndarray, "B H D"], embodiment: int, present: Float32[np.ndarray, "B S"]
    ) -> Float32[np.ndarray, "B H A"]:
        """The inverse of `decode`, for a batch of one embodiment; dims that it does not have become zero."""
        transforms = self.embodiments[embodiment]
        if transforms.relative is not None:
            action = transforms.relative.encode(action, present)
        encoded = np.zeros((*action.shape[:-1], max(one.action.size for one in self.embodiments)), np.float32)
        encoded[..., : transforms.action.size] = transforms.action.encode(action)
        return encoded

    def to_json(self) -> dict[str, Any]:
        key = "prompt_tokenizer" if isinstance(self.tokenizer, PromptTokenizer) else "text_tokenizer"
        return {"embodiments": [one.to_json() for one in self.embodiments], key: self.tokenizer.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Transforms":
        prompt = value.get("prompt_tokenizer")
        tokenizer = PromptTokenizer(**prompt) if prompt else TextTokenizer(**value["text_tokenizer"])
        return cls(tuple(map(EmbodimentTransforms.from_json, value["embodiments"])), tokenizer)


def _by_embodiment(
    value: Float32[np.ndarray, "B T D"], embodiment: Int64[np.ndarray, " B"], normalisers: Sequence[Normaliser]
) -> Float32[np.ndarray, "B T E"]:
    """Each row through the normaliser of its embodiment, padded with zeros to the largest size."""
    encoded = np.zeros((*value.shape[:-1], max(one.size for one in normalisers)), dtype=np.float32)
    for number in np.unique(embodiment):
        normaliser, rows = normalisers[number], embodiment == number
        encoded[rows, :, : normaliser.size] = normaliser.encode(value[rows, :, : normaliser.size])
    return encoded
