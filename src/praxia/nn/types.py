"""The tensors that models exchange, and the interfaces between encoders, heads and the training engine.

Axes: B batch, T observation steps, F later steps, H actions of a chunk, A action dims, S state dims, L text tokens,
N context tokens, V vocabulary, D width, C Y X image. States and actions are normalised; the transforms of a checkpoint
convert units.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Shaped, UInt8
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.share import WHOLE, Share

__all__ = [
    "AnswersQuestions",
    "Batch",
    "ClipsActions",
    "Context",
    "Encoder",
    "EncoderConfig",
    "HasBackbone",
    "Head",
    "HeadConfig",
    "Inpaints",
    "KVCache",
    "LanguageModel",
    "Pretrained",
    "PreviousChunk",
    "Shapes",
    "WeighsShares",
]


@dataclass(frozen=True)
class Shapes:
    """The sizes that the data and the window fix, from which encoders and heads build their layers.

    `num_images` counts the images of a window over all cameras and observation steps, `num_states` its states.
    `embodiment_dims` holds (state dims, action dims) of each embodiment, in the order of their numbers; `state_dim` and
    `action_dim` are the largest, to which all are padded. `vocab_size` is the number of text tokens. `streams` are the
    shapes (T, ...) of the window's named streams, steps first.
    """

    cameras: tuple[str, ...]
    num_images: int
    num_states: int
    embodiment_dims: tuple[tuple[int, int], ...]
    horizon: int
    vocab_size: int
    streams: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)

    @property
    def num_embodiments(self) -> int:
        return len(self.embodiment_dims)

    @property
    def state_dims(self) -> tuple[int, ...]:
        """The number of state dims of each embodiment."""
        return tuple(state for state, _ in self.embodiment_dims)

    @property
    def action_dims(self) -> tuple[int, ...]:
        """The number of action dims of each embodiment."""
        return tuple(action for _, action in self.embodiment_dims)

    @property
    def state_dim(self) -> int:
        return max(self.state_dims)

    @property
    def action_dim(self) -> int:
        return max(self.action_dims)


@dataclass(frozen=True)
class Batch:
    """One training or inference batch on one device. `action` is absent at inference.

    `images` are [B, T, C, Y, X]; each modality has its own T, and each camera its own Y and X. `embodiment` is the
    number of each row's embodiment. Models ignore padded state and action dims, and images and states that are not
    valid: those of a missing camera, or from before the episode began.

    The targets are later observations, in the order of `Window.targets`, for models that predict them in training.
    Past actions are those of `Window.observation_steps["action"]`, and `reward` and `terminated` belong to the chunk's
    steps, so that `action_valid` says which are valid, as do the `extras` of `Window.extras`; all are absent unless the
    window has them.

    `streams` are [B, T, ...] as they were measured, in declared units and dtypes; a model brings them to a scale.

    In a batch of sequences (`Window.sequence_length`) T, P and H are the steps of a sequence, and `is_first` says with
    which of them an episode begins: a recurrent state is reset there.

    `answer` holds the tokens that a language model should generate after `text`; a VQA batch has it instead of actions.

    `intent` holds the latent tokens that the slow one of two systems wrote for each row, and `intent_age` how many
    control steps old its observation was; they are of the fast one alone.

    `share` says which rows of the training batch these are. Losses draw what belongs to rows from it.
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
    target_images: Mapping[str, UInt8[Tensor, "B _ C _ _"]] = field(default_factory=dict)
    target_image_valid: Mapping[str, Bool[Tensor, "B _"]] = field(default_factory=dict)
    target_state: Float[Tensor, "B F S"] | None = None
    target_state_valid: Bool[Tensor, "B F"] | None = None
    past_action: Float[Tensor, "B P A"] | None = None
    past_action_valid: Bool[Tensor, "B P"] | None = None
    reward: Float[Tensor, "B H"] | None = None
    terminated: Bool[Tensor, "B H"] | None = None
    extras: Mapping[str, Shaped[Tensor, "B H _"]] = field(default_factory=dict)
    is_first: Bool[Tensor, "B _"] | None = None
    streams: Mapping[str, Shaped[Tensor, "B _ ..."]] = field(default_factory=dict)
    stream_valid: Mapping[str, Bool[Tensor, "B _"]] = field(default_factory=dict)
    intent: Float[Tensor, "B _ _"] | None = None
    intent_age: Int[Tensor, " B"] | None = None
    share: Share = WHOLE

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`; copies from pinned memory do not block."""
        return self._map(lambda value: value.to(device, non_blocking=True))

    def pinned(self) -> "Batch":
        """The same batch in pinned memory, from which copies to a GPU are asynchronous."""
        return self._map(Tensor.pin_memory)

    def unmasked(self) -> "Batch":
        """The same batch with every image and state marked valid."""
        image_valid = {name: torch.ones_like(valid) for name, valid in self.image_valid.items()}
        return replace(self, image_valid=image_valid, state_valid=torch.ones_like(self.state_valid))

    def loss_mask(self, action_mask: Bool[Tensor, "E A"]) -> Bool[Tensor, "B H A"]:
        """The entries of `action` that losses are means of: valid steps, in the dims that the row's embodiment has."""
        assert self.action_valid is not None, "a loss needs to know which actions are valid"
        return self.action_valid[..., None] & action_mask[self.embodiment][:, None]

    def parts(self, count: int) -> "list[Batch]":
        """`count` batches of every so many rows (0, `count`, ...), or as many as there are rows."""
        count = min(count, len(self.state))

        def part(number: int) -> "Batch":
            return replace(self._map(lambda value: value[number::count]), share=self.share.part(number, count))

        return [part(number) for number in range(count)] if count > 1 else [self]

    def rows(self, index: Int[Tensor, " R"]) -> "Batch":
        """Some rows, in the order of `index`."""
        return self._map(lambda value: value[index])

    def tensors(self) -> list[Tensor]:
        """All tensors of the batch, in an order that `with_tensors` takes."""
        found = list[Tensor]()
        self._map(lambda value: (found.append(value), value)[1])
        return found

    def with_tensors(self, tensors: Sequence[Tensor]) -> "Batch":
        """A batch like this one of other tensors, in the order of `tensors`."""
        following = iter(tensors)
        return self._map(lambda _: next(following))

    def map_images(self, function: Callable[[UInt8[Tensor, "B _ C _ _"]], UInt8[Tensor, "B _ C _ _"]]) -> "Batch":
        """The batch with each camera's images changed: its targets in one call with the images that are observed."""
        images, targets = dict(self.images), dict(self.target_images)
        for name in dict.fromkeys((*images, *targets)):
            parts = [one[name] for one in (images, targets) if name in one]
            changed = function(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))
            if name in images:
                images[name] = changed[:, : images[name].shape[1]]
            if name in targets:
                targets[name] = changed[:, -targets[name].shape[1] :]
        return replace(self, images=images, target_images=targets)

    def _map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        def mapped(value):
            if isinstance(value, Mapping):
                return {name: mapped(item) for name, item in value.items()}
            return function(value) if isinstance(value, Tensor) else value

        return replace(self, **{entry.name: mapped(getattr(self, entry.name)) for entry in fields(self)})


@dataclass(frozen=True)
class KVCache:
    """Rotated keys and values [B, KV, N, d] of each layer for N tokens, and which of the tokens are valid.

    `position` is the position of the next token: the number of valid tokens, unless a model counts in another way.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid: Bool[Tensor, "B N"]
    position: Int[Tensor, " B"]

    def rows(self, index: Int[Tensor, " R"]) -> "KVCache":
        """The cache of some rows, in the order of `index`."""
        layers = tuple((keys[index], values[index]) for keys, values in self.layers)
        return KVCache(layers, self.valid[index], self.position[index])

    @classmethod
    def join(cls, caches: Sequence["KVCache"]) -> "KVCache":
        """The rows of all `caches`, which have equally many tokens, one after the other."""
        layers = tuple(
            (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
            for layer in zip(*(cache.layers for cache in caches), strict=True)
        )
        valid, position = ([getattr(cache, name) for cache in caches] for name in ("valid", "position"))
        return cls(layers, torch.cat(valid), torch.cat(position))


@runtime_checkable
class LanguageModel(Protocol):
    """A language model that continues from a key/value cache.

    The first `vocab_size` of its tokens are text; marks and empty rows may follow them.
    """

    vocab_size: int

    def embed(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The input embeddings of tokens."""
        ...

    def decode(
        self, x: Float[Tensor, "B L D"], valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        """Hidden states of L more tokens after those in `cache`, and the longer cache; see `nn.stack.Stack`."""
        ...

    def logits(self, hidden: Float[Tensor, "B L D"], tokens: slice = slice(None)) -> Float[Tensor, "B L V"]:
        """Logits of the next token, over the vocabulary or a slice of it."""
        ...


@dataclass(frozen=True)
class Context:
    """An encoded observation: tokens, which of them are valid, and named groups of them.

    The group "readout", where an encoder provides it, summarises the observation for heads that take one vector.
    `kv_cache` holds the keys and values of a language model's layers, for a head that continues after them;
    `language_model` is that model, for a head that predicts its tokens. `positions` embed where each token is, for a
    head that adds them in every layer; without them the tokens carry their positions.
    """

    tokens: Float[Tensor, "B N D"]
    mask: Bool[Tensor, "B N"]
    groups: Mapping[str, slice]
    kv_cache: KVCache | None = None
    language_model: LanguageModel | None = None
    positions: Float[Tensor, "N D"] | None = None

    def rows(self, index: Int[Tensor, " R"]) -> "Context":
        """The context of some rows, in the order of `index`."""
        cache = None if self.kv_cache is None else self.kv_cache.rows(index)
        return replace(self, tokens=self.tokens[index], mask=self.mask[index], kv_cache=cache)

    @classmethod
    def join(cls, contexts: Sequence["Context"]) -> "Context":
        """The rows of all `contexts`, which are of one encoder and have equally many tokens, one after the other."""
        caches = [context.kv_cache for context in contexts if context.kv_cache is not None]
        return replace(
            contexts[0],
            tokens=torch.cat([context.tokens for context in contexts]),
            mask=torch.cat([context.mask for context in contexts]),
            kv_cache=KVCache.join(caches) if caches else None,
        )

    def readout(self) -> Float[Tensor, "B D"]:
        """The mean over the valid tokens of the group "readout"."""
        group = self.groups["readout"]
        tokens, mask = self.tokens[:, group], self.mask[:, group, None]
        # The factor is exactly 1 where all tokens are valid: then the result is their plain mean to the last bit.
        factor = mask.shape[1] / mask.sum(1).clamp_min(1)
        return torch.where(mask, tokens, 0.0).mean(1) * factor.to(tokens.dtype)


class Encoder(nn.Module, ABC):
    """Observation -> Context. Independent of the head.

    `provides` names what a head can find in the context: "readout", "positions", "language_model", or a key/value cache
    of some shape (`AttentionConfig.kv_cache`). `width` is the width of the context's tokens.
    """

    provides: frozenset[str]
    width: int

    @abstractmethod
    def forward(self, batch: Batch) -> Context: ...


class Head(nn.Module, ABC):
    """Context -> actions. Independent of cameras and encoder.

    `requires` names what the context must have, in the words of `Encoder.provides`. `noise_shape` is the shape of the
    standard normal noise that `sample` takes for each row.
    """

    requires: frozenset[str]
    noise_shape: tuple[int, ...]

    @abstractmethod
    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The mean loss over valid steps and the dims of each row's embodiment, and metrics for the log.

        What belongs to rows is drawn by `batch.share`, whose weight is a factor of means over valid entries.
        """

    @abstractmethod
    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the loss is the mean of."""

    @abstractmethod
    def sample(
        self, context: Context, noise: Float[Tensor, "B ..."], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """Actions as a deterministic function of the context and the noise that the caller draws."""


@dataclass(frozen=True)
class PreviousChunk:
    """What earlier decisions left for the steps of the chunk to sample: normalised actions, one step after the other.

    `valid` marks the steps for which there is an action, `committed` those of them that are executed while the policy
    decides, which come first. A row at an episode's first decision has neither. Other actions are zero.
    """

    action: Float[Tensor, "B H A"]
    valid: Bool[Tensor, "B H"]
    committed: Bool[Tensor, "B H"]


@runtime_checkable
class Inpaints(Protocol):
    """A head that makes the rest of a chunk fit what is executed while the policy decides (real-time chunking)."""

    def inpaint(
        self,
        context: Context,
        noise: Float[Tensor, "B ..."],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        """As `Head.sample`, with what earlier decisions left. A row of which nothing is valid is as in `sample`."""
        ...


@dataclass(frozen=True)
class EncoderConfig(Config, ABC):
    """The config of an encoder. `reads_streams` says whether it reads the named streams of a batch."""

    reads_streams: ClassVar[bool] = False

    @abstractmethod
    def build(self, shapes: Shapes) -> Encoder:
        """The encoder with fresh weights."""


@dataclass(frozen=True)
class HeadConfig(Config, ABC):
    """The config of a head.

    `sampling` maps the options of `core.types.Sampling` that the head supports to the config's fields.
    """

    sampling: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, shapes: Shapes, context_width: int) -> Head:
        """The head with fresh weights, for contexts whose tokens have `context_width` features."""


@runtime_checkable
class ClipsActions(Protocol):
    """The config of a head, or of a model, that cannot produce every action; one that can may have None as `clips`."""

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries of normalised chunks the head reproduces only clipped. With FAST: which coefficients."""
        ...


@runtime_checkable
class Pretrained(Protocol):
    """An encoder that starts from public weights, and may train few of them."""

    def load(self) -> None:
        """Load the public weights that the config names. On the meta device nothing is read: another process has them.

        The names and the order of the weights are the same either way.
        """
        ...

    def adapt(self) -> None:
        """Freeze what is not trained and add low-rank adapters, which changes names in the state dict."""
        ...

    def merge(self) -> None:
        """Add the adapters to the weights that they adapt, and unfreeze: the inverse of `adapt`."""
        ...


@runtime_checkable
class HasBackbone(Protocol):
    """An encoder, or a model, with a vision model or a public model that may have a learning rate of its own."""

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the backbone, frozen ones too."""
        ...


@runtime_checkable
class AnswersQuestions(Protocol):
    """An encoder, or a model, with a language model that VQA batches can train."""

    @property
    def trains_language(self) -> bool:
        """Whether any weight of the language model is trained."""
        ...

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy per token of `batch.answer`, in nats."""
        ...


@runtime_checkable
class WeighsShares(Protocol):
    """A model whose loss is a mean over valid entries, so that shares of a batch with more of them count for more."""

    def num_valid(self, batch: Batch) -> Int[Tensor, "*M"]:
        """The number of entries that the loss is the mean of; the shares of a batch are weighted by it.

        Of a loss that is the sum of several means, the number of each (`Share.of_mean`).
        """
        ...
