"""An encoder and a head composed into one model, and the policy that it becomes."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.blank import blank_observation
from praxia.core.config import ADDED, fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import CompileMode, Decision, Query, Sampling
from praxia.core.window import Window
from praxia.heads.real_time import RealTimeConfig
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.queries import fill_missing_cameras, stack_queries, to_batch, with_intents
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import (
    Batch,
    ClipsActions,
    Context,
    EncoderConfig,
    HeadConfig,
    Inpaints,
    PreviousChunk,
    Shapes,
)
from praxia.policies.compiled import Compiled, compiler_errors
from praxia.policies.encoder_head_model import EncoderHeadModel, predict
from praxia.policies.interface import TrainedPolicy
from praxia.policies.roll_forward import after_committed, rolled_query, state_dims
from praxia.transforms.chain import Transforms
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["Encoded", "EncoderHead", "EncoderHeadPolicy", "HasPromptTokenizer"]


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
        self._compiled: Compiled | None = None
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

    @torch.no_grad()
    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        """`encode`, then `sample`. Where nothing was decided before that is to be continued, in one call."""
        rolled = self._rolled(queries)
        if self._continues(rolled):
            return self.sample(self.encode(queries), queries), None
        actions = self._predict(self.batch(rolled), self._noise(rolled))
        return self._decisions(actions, _present(rolled), queries), None

    def batch(self, queries: Sequence[Query], *, newest: bool = False) -> Batch:
        """The queries' observations as a model takes them; with `newest` the present ones alone, without history."""
        _, embodiment = self._binding()
        seen, known = ((one.without_history() if newest else one) for one in (self.window, self._model_window))
        samples = fill_missing_cameras(stack_queries(queries, seen, embodiment), known, self.embodiments)
        batch = with_intents(to_batch(self.transforms.encode(samples), self.transforms), queries).to(self.device)
        return batch if self.masked else batch.unmasked()

    @torch.no_grad()
    def encode(self, queries: Sequence[Query]) -> Encoded:
        """What the encoder makes of the queries' observations, one row each."""
        queries = self._rolled(queries)
        batch = self.batch(queries)
        with bf16_arithmetic(self.model):
            return Encoded(self.model.encoder(batch), batch.embodiment, _present(queries))

    @torch.no_grad()
    def sample(self, encoded: Encoded, queries: Sequence[Query]) -> list[Decision]:
        """A decision per row of `encoded`, with the noise of its query.

        The rows may be older than the queries: the actions then follow what was observed when they were encoded.
        Gradients are off but not forbidden: a head may enable them inside, to guide its samples by one. A head that
        inpaints also gets what the queries have planned.
        """
        rolled = self._rolled(queries)
        head, given = self.model.head, (encoded.context, self._noise(rolled), encoded.embodiment)
        with bf16_arithmetic(self.model):
            if self._continues(rolled) and isinstance(head, Inpaints):
                actions = head.inpaint(*given, self._previous(encoded, rolled))
            else:
                actions = head.sample(*given)
        return self._decisions(actions, encoded.state, queries)

    def compiled(self, mode: CompileMode, sizes: Sequence[int] = (1,)) -> "EncoderHeadPolicy":
        """The same policy with a compiled model, warmed up for batches of `sizes`, in rising order; see `Compiled`.

        Actions are the same up to rounding. What continues an earlier chunk (`Inpaints`) is decided as before, and so
        are `encode` and `sample`. Takes minutes.

        Raises:
            PraxiaError: no compiler, or a model that cannot be compiled or captured. MismatchError: as `Compiled`.
        """
        compiled = copy(self)
        compiled._compiled = Compiled(self.model, mode, sizes)
        query = Query((blank_observation(self.embodiment, self.window.cameras),), "warm-up", 0, 0)
        with compiler_errors():
            for size in sizes:
                compiled.act([query] * size, None)
        return compiled

    def _predict(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        if self._compiled is not None:
            return self._compiled.predict(batch, noise)
        return predict(self.model, batch, noise)

    def _decisions(
        self, actions: Float[Tensor, "B H A"], present: Float32[np.ndarray, "B S"], queries: Sequence[Query]
    ) -> list[Decision]:
        """Normalised chunks in declared units; `present` are the states that relative actions are relative to."""
        chunks = self.transforms.decode(actions.float().cpu().numpy(), self._binding()[1], present)
        valid = np.ones(self.window.horizon, dtype=bool)
        decisions = [Decision(chunk, valid) for chunk in chunks]
        if self.roll_forward:
            decisions = [after_committed(one, query) for one, query in zip(decisions, queries, strict=True)]
        return decisions

    def _rolled(self, queries: Sequence[Query]) -> Sequence[Query]:
        """The queries about the steps at which their decisions take effect, if the policy rolls its state forward."""
        if not self.roll_forward:
            return queries
        embodiment, number = self._binding()
        dims = state_dims(embodiment, self.transforms.embodiments[number].relative)
        return [rolled_query(query, dims, self.roll_forward) for query in queries]

    def _continues(self, queries: Sequence[Query]) -> bool:
        """Whether the head continues what an earlier decision left for the steps to come."""
        return any(map(len, map(_known, queries))) and isinstance(self.model.head, Inpaints)

    def _previous(self, encoded: Encoded, queries: Sequence[Query]) -> PreviousChunk:
        """What the queries have planned, relative to the states that were encoded."""
        horizon, (bound, embodiment) = self.window.horizon, self._binding()
        planned = np.zeros((len(queries), horizon, bound.action_dim), np.float32)
        count = np.zeros((len(queries), 1), np.int64)
        for row, known in enumerate(map(_known, queries)):
            if len(known):
                count[row] = min(horizon, len(known))
                planned[row, : count[row, 0]] = known[:horizon]
        valid = np.arange(horizon) < count
        committed = valid & (np.arange(horizon) < np.array([[query.delay] for query in queries]))
        action = self.transforms.encode_actions(planned, embodiment, encoded.state) * valid[..., None]
        return PreviousChunk(*(torch.from_numpy(value).to(self.device) for value in (action, valid, committed)))

    def _noise(self, queries: Sequence[Query]) -> Float32[Tensor, "B ..."]:
        shape = self.model.noise_shape
        drawn = [generator("policy", one.key, one.step).standard_normal(shape, dtype=np.float32) for one in queries]
        return torch.from_numpy(np.stack(drawn)).to(self.device)


def _present(queries: Sequence[Query]) -> Float32[np.ndarray, "B S"]:
    """The queries' present states in declared units."""
    return np.stack([query.history[-1].state for query in queries])


def _known(query: Query) -> Sequence[Float32[np.ndarray, " A"]] | Float32[np.ndarray, "D A"]:
    """The actions that the query knows for the steps to come, none at an episode's first decision.

    What is committed counts where no more is planned: under ensembling, and of a client that sends it alone.
    """
    known = query.committed if query.planned is None else query.planned
    return () if known is None else known
