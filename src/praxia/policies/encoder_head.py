"""An encoder and a head composed into one model, and the policy that it becomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.config import ADDED, fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import Decision, Query, Sampling
from praxia.core.window import Window
from praxia.heads.real_time import RealTimeConfig
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.queries import fill_missing_cameras, stack_queries, to_batch
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import (
    AnswersQuestions,
    Batch,
    ClipsActions,
    Context,
    Encoder,
    EncoderConfig,
    HasBackbone,
    Head,
    HeadConfig,
    Inpaints,
    Pretrained,
    PreviousChunk,
    Shapes,
)
from praxia.policies.interface import TrainedPolicy
from praxia.policies.roll_forward import after_committed, rolled_query, state_dims
from praxia.transforms.chain import Transforms
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["Encoded", "EncoderHead", "EncoderHeadModel", "EncoderHeadPolicy", "HasPromptTokenizer"]


@runtime_checkable
class HasPromptTokenizer(Protocol):
    """The config of an encoder, or of a model, that may bring its own tokenizer."""

    def prompt_tokenizer(self, num_images: int) -> PromptTokenizer | None:
        """The tokenizer for windows of that many images; None: one is fitted on the data."""
        ...


@dataclass(frozen=True)
class EncoderHead(ModelConfig):
    """A model as a value: any encoder with any head that requires no more than the encoder provides."""

    tag: ClassVar[str] = "encoder-head"
    encoder: EncoderConfig
    head: HeadConfig
    roll_forward: int = field(default=0, metadata=ADDED)
    """Largest delay, in control steps, over which the policy rolls its state forward through the actions that are
    executed while it decides (VLASH); training draws one for each window. 0: never."""

    @property
    def longest_delay(self) -> int | None:
        """The longest delay, in control steps, for which it was trained; None: it takes any."""
        return self.roll_forward or (self.head.longest_delay if isinstance(self.head, RealTimeConfig) else None)

    @property
    def sampling(self) -> Sampling:
        """The head's sampling options with their present values."""
        return Sampling(**{option: getattr(self.head, field) for option, field in self.head.sampling.items()})

    def sampled(self, sampling: Sampling) -> "EncoderHead":
        """The same network with the options of `sampling`; options left open keep their values.

        Raises:
            PraxiaError: an option that the head does not have, or a value that it does not take.
        """
        given, options = sampling.to_json(), self.head.sampling
        if missing := [option for option in given if option not in options]:
            has = " and ".join(f"--{option}" for option in options) or "no option of sampling"
            raise PraxiaError(f"expected a policy with --{missing[0]}, got head {self.head.tag!r}, which has {has}")
        return replace(self, head=replace(self.head, **{options[option]: value for option, value in given.items()}))

    def resampled(self, sampling: Sampling) -> Sampling:
        """The options of `sampling` that differ from the model's own. Raises as `sampled` does."""
        own, new = self.sampling, self.sampled(sampling).sampling
        return Sampling(**{name: value for name, value in new.to_json().items() if getattr(own, name) != value})

    def prompt_tokenizer(self, num_images: int) -> PromptTokenizer | None:
        """The tokenizer of the encoder's public model, for windows of `num_images`; None: it has none."""
        return self.encoder.prompt_tokenizer(num_images) if isinstance(self.encoder, HasPromptTokenizer) else None

    @property
    def clips(self) -> Callable[[Float32[np.ndarray, "B H A"]], Bool[np.ndarray, "B H A"]] | None:
        """Which entries of normalised chunks the head reproduces only clipped; None: it never clips."""
        return self.head.clips if isinstance(self.head, ClipsActions) else None

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "EncoderHead":
        """With what encoder and head learn before training: an action tokenizer, a public model's sizes.

        `chunks` returns normalised actions of the training data.
        """
        return replace(self, encoder=fit_config(self.encoder, chunks), head=fit_config(self.head, chunks))

    def unfitted(self) -> "EncoderHead":
        """The same network before `fit`."""
        return EncoderHead(unfitted(self.encoder), unfitted(self.head))

    def fitted_as(self, other: "EncoderHead") -> "EncoderHead":
        """With what `other`, the same network, learned from its data before training."""
        encoder, head = fitted_as(self.encoder, other.encoder), fitted_as(self.head, other.head)
        return replace(self, encoder=encoder, head=head)

    def refitted_as(self, other: "EncoderHead", chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "EncoderHead":
        """As `fitted_as`, but with the head fitted again on `chunks`."""
        return replace(self, encoder=fitted_as(self.encoder, other.encoder), head=fit_config(self.head, chunks))

    def build(self, shapes: Shapes) -> "EncoderHeadModel":
        """The network with fresh weights.

        Raises:
            MismatchError: the head requires what the encoder does not provide, or the window has streams that the
                encoder does not read.
        """
        if shapes.streams and not self.encoder.reads_streams:
            raise MismatchError(
                f"expected an encoder that reads the streams {sorted(shapes.streams)} (reads_streams), got "
                f"{self.encoder.tag!r}, which would ignore them; leave them out of the window, or register an encoder"
            )
        encoder = self.encoder.build(shapes)
        head = self.head.build(shapes, encoder.width)
        if missing := head.requires - encoder.provides:
            raise MismatchError(
                f"head {self.head.tag!r} needs {sorted(missing)}, but encoder {self.encoder.tag!r} gives "
                f"{sorted(encoder.provides)}; choose another pair: `praxia recipes --pairs`"
            )
        return EncoderHeadModel(encoder, head)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> "EncoderHeadPolicy":
        """The policy of a model that this config has built."""
        assert isinstance(model, EncoderHeadModel), type(model)
        delays = {"roll_forward": self.roll_forward, "longest_delay": self.longest_delay}
        return EncoderHeadPolicy(model, transforms, embodiments, window, masked=masked, **delays)


class EncoderHeadModel(nn.Module):
    """See `EncoderHead`. Satisfies `Trainable`, `BeginsAndFinishes`, `SamplesActions` (`nn.trainable`), and what the
    engine asks of a model that has a backbone or answers questions: `HasBackbone`, `AnswersQuestions`.
    """

    def __init__(self, encoder: Encoder, head: Head):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, or (None) the public ones that the encoder names, and freeze or adapt as its config says."""
        public = self.encoder if isinstance(self.encoder, Pretrained) else None
        if weights is not None:
            self.load_state_dict(dict(weights))
        elif public is not None:
            public.load()
        if public is not None:
            public.adapt()

    @property
    def finish_changes(self) -> bool:
        """Whether there are adapters to merge."""
        return isinstance(self.encoder, Pretrained)

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
        if not isinstance(self.encoder, Pretrained):
            return weights
        self.load_state_dict(dict(weights))
        self.encoder.merge()
        return self.state_dict()

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A scalar and its metrics; randomness comes from `generator`. A VQA batch trains the language model alone."""
        if batch.answer is not None:
            return self.answer_loss(batch)
        if batch.is_first is not None:
            raise MismatchError("expected windows for an encoder and a head, got sequences; leave out sequence_length")
        return self.head.loss(self.encoder(batch), batch, generator)

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the loss is the mean of: tokens of answers, or what the head says."""
        return self.head.num_valid(batch) if batch.answer_valid is None else batch.answer_valid.sum()

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The encoder's loss of a VQA batch."""
        assert isinstance(self.encoder, AnswersQuestions), "a VQA batch needs a language model"
        return self.encoder.answer_loss(batch)

    @property
    def trains_language(self) -> bool:
        """Whether the encoder has a language model of which a weight is trained."""
        return isinstance(self.encoder, AnswersQuestions) and self.encoder.trains_language

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """Those of the encoder's backbone; none where it has no such model."""
        return self.encoder.backbone_parameters() if isinstance(self.encoder, HasBackbone) else iter(())

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The head's."""
        return self.head.noise_shape

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """Normalised action chunks, padded to the dims of the largest embodiment."""
        return self.head.sample(self.encoder(batch), noise, batch.embodiment)


@dataclass(frozen=True)
class Encoded:
    """What `EncoderHeadPolicy.encode` made of B queries: contexts, embodiments, and present states in declared units.

    Rows are independent, so they can be kept, gathered and joined, as episodes come and go.
    """

    context: Context
    embodiment: Int[Tensor, " B"]
    state: Float32[np.ndarray, "B S"]

    def rows(self, rows: Sequence[int]) -> "Encoded":
        """Some rows, in the order of `rows`."""
        index = torch.as_tensor(rows, device=self.embodiment.device)
        return Encoded(self.context.rows(index), self.embodiment[index], self.state[list(rows)])

    @classmethod
    def join(cls, parts: Sequence["Encoded"]) -> "Encoded":
        """The rows of all `parts`, one after the other. Their contexts have equally many tokens."""
        context = Context.join([part.context for part in parts])
        embodiment = torch.cat([part.embodiment for part in parts])
        return cls(context, embodiment, np.concatenate([part.state for part in parts]))


class EncoderHeadPolicy(TrainedPolicy):
    """A trained model with its transforms. Satisfies `core.types.Policy`.

    Holds weights only; the carry is empty because the model sees its complete window in the query. Noise is drawn on
    the CPU with a key of (episode, step), so that it does not depend on the other rows of the batch.

    `embodiments` are those that it was trained on. If there are several, `bind` selects the one it acts for; `window`
    then leaves out cameras that this one did not have in training, which the network sees as black and not valid, as it
    did then. With `masked` False the model was trained with all images and states taken as valid, and is used
    in that way. `roll_forward` and `longest_delay` are those of `EncoderHead`.
    """

    def __init__(
        self,
        model: EncoderHeadModel,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool = True,
        roll_forward: int = 0,
        longest_delay: int | None = None,
    ):
        self.model = model.eval()
        self.longest_delay = longest_delay
        self.roll_forward = roll_forward
        self.transforms = transforms
        self.embodiments = embodiments
        self.window = window
        self.masked = masked
        self._model_window = window
        self.device = next(model.parameters()).device
        # The embodiment it acts for, and the number of that whose weights and normalisers it uses.
        self._bound = (embodiments[0], 0) if len(embodiments) == 1 else None

    @property
    def embodiment(self) -> Embodiment:
        """The embodiment it acts for.

        Raises:
            MismatchError: it was trained on several and is not bound to one.
        """
        return self._binding()[0]

    def bind(self, embodiment: Embodiment, name: str | None = None) -> "EncoderHeadPolicy":
        """The same weights acting for `embodiment` as for the trained embodiment `name` (None: that of the same name).

        Whether the two have the same fields, rate and images is for the caller to check (`evaluate.compatibility`).

        Raises:
            UnknownName: no embodiment of that name was trained.
        """
        trained = [one.name for one in self.embodiments]
        name = embodiment.name if name is None else name
        if name not in trained:
            raise UnknownName("embodiment of this policy", name, trained, "praxia info POLICY")
        bound = copy(self)
        bound._bound = (embodiment, trained.index(name))
        bound.window = self._model_window.for_embodiment(self.embodiments[trained.index(name)])
        return bound

    def _binding(self) -> tuple[Embodiment, int]:
        if self._bound is None:
            names = ", ".join(repr(one.name) for one in self.embodiments)
            raise MismatchError(f"the policy was trained on several embodiments ({names}); bind it to one of them")
        return self._bound

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        """`encode`, then `sample`."""
        return self.sample(self.encode(queries), queries), None

    def batch(self, queries: Sequence[Query], *, newest: bool = False) -> Batch:
        """The queries' observations as a model takes them; with `newest` the present ones alone, without history."""
        _, embodiment = self._binding()
        seen, known = ((one.without_history() if newest else one) for one in (self.window, self._model_window))
        samples = fill_missing_cameras(stack_queries(queries, seen, embodiment), known, self.embodiments)
        batch = to_batch(self.transforms.encode(samples), self.transforms).to(self.device)
        return batch if self.masked else batch.unmasked()

    @torch.no_grad()
    def encode(self, queries: Sequence[Query]) -> Encoded:
        """What the encoder makes of the queries' observations, one row each."""
        queries = self._rolled(queries)
        batch = self.batch(queries)
        present = np.stack([query.history[-1].state for query in queries])
        with bf16_arithmetic(self.model):
            return Encoded(self.model.encoder(batch), batch.embodiment, present)

    @torch.no_grad()
    def sample(self, encoded: Encoded, queries: Sequence[Query]) -> list[Decision]:
        """A decision per row of `encoded`, with the noise of its query.

        The rows may be older than the queries: the actions then follow what was observed when they were encoded.
        Gradients are off but not forbidden: a head may enable them inside, to guide its samples by one. A head that
        inpaints also gets what the queries have planned.
        """
        _, embodiment = self._binding()
        asked, queries = queries, self._rolled(queries)
        noise = np.stack([self._noise(query) for query in queries])
        noise = torch.from_numpy(noise).to(self.device)
        head, given = self.model.head, (encoded.context, noise, encoded.embodiment)
        with bf16_arithmetic(self.model):
            if isinstance(head, Inpaints) and (previous := self._previous(encoded, queries)) is not None:
                actions = head.inpaint(*given, previous)
            else:
                actions = head.sample(*given)
        chunks = self.transforms.decode(actions.float().cpu().numpy(), embodiment, encoded.state)
        valid = np.ones(self.window.horizon, dtype=bool)
        decisions = [Decision(chunk, valid) for chunk in chunks]
        if self.roll_forward:
            decisions = [after_committed(one, query) for one, query in zip(decisions, asked, strict=True)]
        return decisions

    def _rolled(self, queries: Sequence[Query]) -> Sequence[Query]:
        """The queries about the steps at which their decisions take effect, if the policy rolls its state forward."""
        if not self.roll_forward:
            return queries
        embodiment, number = self._binding()
        dims = state_dims(embodiment, self.transforms.embodiments[number].relative)
        return [rolled_query(query, dims, self.roll_forward) for query in queries]

    def _previous(self, encoded: Encoded, queries: Sequence[Query]) -> PreviousChunk | None:
        """What the queries have planned, relative to the states that were encoded; None: nothing.

        What is committed counts where no more is planned: under ensembling, and of a client that sends it alone.
        """
        horizon, (bound, embodiment) = self.window.horizon, self._binding()
        planned = np.zeros((len(queries), horizon, bound.action_dim), np.float32)
        count = np.zeros((len(queries), 1), np.int64)
        for row, query in enumerate(queries):
            if (known := query.committed if query.planned is None else query.planned) is not None:
                count[row] = min(horizon, len(known))
                planned[row, : count[row, 0]] = known[:horizon]
        if not count.any():
            return None
        valid = np.arange(horizon) < count
        committed = valid & (np.arange(horizon) < np.array([[query.delay] for query in queries]))
        action = self.transforms.encode_actions(planned, embodiment, encoded.state) * valid[..., None]
        return PreviousChunk(*(torch.from_numpy(value).to(self.device) for value in (action, valid, committed)))

    def _noise(self, query: Query) -> Float32[np.ndarray, "..."]:
        shape = self.model.noise_shape
        return generator("policy", query.key, query.step).standard_normal(shape, dtype=np.float32)
