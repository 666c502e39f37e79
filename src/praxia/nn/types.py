"""The torch nouns and the interfaces between encoders, heads and what trains them.

Axes: B batch, T observed moments, H actions ahead, A action dims, S state dims, L text tokens, N context tokens,
D width, C Y X image. Everything here is normalised: units are undone by the checkpoint's transforms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from praxia.nn.stack import KVCache

__all__ = ["Batch", "Context", "Encoder", "Head", "LanguageModel", "Pretrained", "Shapes", "Trainable"]


@dataclass(frozen=True)
class Shapes:
    """The sizes that a data set and a window fix, from which encoders and heads build their layers.

    `num_images` counts the images of a window over all cameras and moments, `num_states` its state moments.
    `embodiments` holds (state dims, action dims) of each embodiment, in the order of their ids; `state_dim` and
    `action_dim` are the largest, to which all are padded.
    """

    cameras: tuple[str, ...]
    num_images: int
    num_states: int
    embodiments: tuple[tuple[int, int], ...]
    horizon: int
    vocabulary: int

    @property
    def state_dim(self) -> int:
        return max(state for state, _ in self.embodiments)

    @property
    def action_dim(self) -> int:
        return max(action for _, action in self.embodiments)


@dataclass(frozen=True)
class Batch:
    """One training or inference batch on one device. `action` is absent at inference.

    `images` are [B, T, C, Y, X]; each modality has its own T, and each camera its own Y and X. `embodiment` numbers
    each row's embodiment; what state and action hold in dims that it does not have must not matter. Nor must an image or a
    state that is not valid: of a camera that is missing, or from before the episode began.

    `answer` is what a language model should say to `text`; a batch of questions has it instead of actions.
    """

    images: Mapping[str, UInt8[Tensor, "B _ C _ _"]]
    image_valid: Mapping[str, Bool[Tensor, "B _"]]
    state: Float[Tensor, "B T S"]
    state_valid: Bool[Tensor, "B T"]
    text: Int[Tensor, "B L"]
    text_valid: Bool[Tensor, "B L"]
    embodiment: Int[Tensor, " B"]
    action: Float[Tensor, "B H A"] | None = None
    action_valid: Bool[Tensor, "B H"] | None = None
    answer: Int[Tensor, "B M"] | None = None
    answer_valid: Bool[Tensor, "B M"] | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`; copies from pinned memory do not block."""

        return self._each(lambda value: value.to(device, non_blocking=True))

    def unmasked(self) -> "Batch":
        """The same batch with every image and state taken for valid."""
        image_valid = {name: torch.ones_like(valid) for name, valid in self.image_valid.items()}
        return replace(self, image_valid=image_valid, state_valid=torch.ones_like(self.state_valid))

    def pinned(self) -> "Batch":
        """The same batch in pinned memory, out of which a GPU copies by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, move: Callable[[Tensor], Tensor]) -> "Batch":
        def moved(value):
            if isinstance(value, Mapping):
                return {name: moved(item) for name, item in value.items()}
            return value if value is None else move(value)

        return replace(self, **{entry.name: moved(getattr(self, entry.name)) for entry in fields(self)})


@runtime_checkable
class LanguageModel(Protocol):
    """A language model that has read a context, and can read on after its stream.

    The first `vocabulary` of its ids are words of text; it may have marks and empty rows behind them.
    """

    vocabulary: int

    def embed(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """What it reads for ids of its vocabulary."""
        ...

    def read(
        self, x: Float[Tensor, "B L D"], valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        """L tokens more after those in `cache`, as `Stack` reads them."""
        ...

    def logits(self, hidden: Float[Tensor, "B L D"], words: slice = slice(None)) -> Float[Tensor, "B L V"]:
        """What it says next, over its vocabulary or a run of it."""
        ...


@dataclass(frozen=True)
class Context:
    """What an encoder made of an observation: tokens, which of them count, and named runs of them.

    The group "readout", where an encoder gives it, summarises the observation for heads that take one vector. `stream`
    holds the keys and values of a language model's layers, for a head that reads on where it ended; `language` is that
    model, for a head that speaks with its words.
    """

    tokens: Float[Tensor, "B N D"]
    mask: Bool[Tensor, "B N"]
    groups: Mapping[str, slice]
    stream: KVCache | None = None
    language: LanguageModel | None = None

    def readout(self) -> Float[Tensor, "B D"]:
        """The mean over those tokens of the group "readout" that count, for a head that needs it."""
        group = self.groups["readout"]
        tokens, counts = self.tokens[:, group], self.mask[:, group, None]
        # The factor is 1, and the mean bit for bit that of all tokens, where all of them count.
        factor = counts.shape[1] / counts.sum(1).clamp_min(1)
        return torch.where(counts, tokens, 0.0).mean(1) * factor.to(tokens.dtype)


@runtime_checkable
class Encoder(Protocol):
    """Observation -> Context. Knows no head."""

    gives: frozenset[str]
    width: int

    def __call__(self, batch: Batch) -> Context: ...


@runtime_checkable
class Head(Protocol):
    """Context -> actions. Knows no camera."""

    needs: frozenset[str]
    noise_shape: tuple[int, ...]

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A mean over the valid action entries of each row's own embodiment, and metrics for the log."""
        ...

    def sample(
        self, context: Context, noise: Float[Tensor, "B ..."], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """Actions from noise drawn by the caller: the head itself is deterministic."""
        ...


@runtime_checkable
class Pretrained(Protocol):
    """An encoder that begins with public weights, and may train few of them."""

    def load(self) -> None:
        """Take over the public weights that its config names."""
        ...

    def adapt(self) -> None:
        """Freeze what is not trained, and add low-rank adapters: other names in its state from here on."""
        ...

    @property
    def trains_language(self) -> bool:
        """Whether its language model learns at all."""
        ...

    def merge(self) -> None:
        """The inverse of `adapt`, adapters added to the weights that they adapt."""
        ...

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy of an id of `batch.answer`, in nats."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """What the training engine needs of a model."""

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]: ...
