"""Two systems in one policy: a slow encoder writes intents, a fast policy reads the newest one beside what it sees.

Helix (Figure, 2025): a slow network makes a latent of images, state and instruction; a fast one gets it as an
additional input, sees every newest observation, and both are trained end to end, the slow one's inputs being as old as
they are on the robot. GR00T N1 (arXiv 2503.14734) and HiRT (arXiv 2410.05273) are built alike; in FiS-VLA (arXiv
2506.01953) the slow part is the first layers of one network. Deviations: the age of an intent is told to the fast part;
what stands for the instruction there is the intent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.config import Config, components, fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.intent import Intent, Thinking
from praxia.core.types import Decision, Query, Sampling
from praxia.core.window import Window
from praxia.encoders.intent import IntentText, Slow
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.pretrained import begin_with, finish_with
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Batch, Encoder, EncoderConfig, HasBackbone, Pretrained, Shapes
from praxia.policies.encoder_head import EncoderHead, EncoderHeadPolicy, HasPromptTokenizer
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.policies.interface import TrainedPolicy
from praxia.transforms.chain import Transforms
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["Dual", "DualModel", "DualPolicy", "WritesIntents", "with_past"]


@runtime_checkable
class WritesIntents(Protocol):
    """An encoder whose first layers are the slow one of two systems."""

    def think(self, batch: Batch) -> Float[Tensor, "B N D"]:
        """The intent of each row of a batch with one observation."""
        ...


def with_past(window: Window, rate: Thinking | None) -> Window:
    """`window`, which sees the present, with the past that trains two systems at `rate` (None: the present alone).

    Images are those that an intent may be of, from `rate.oldest` to `rate.late` steps old; states are all up to there
    and one more, because they say how long ago the episode began.
    """
    window = window.without_history()
    if rate is None:
        return window
    seen = {name: _past(name, rate) for name in window.observation_steps}
    return replace(window, observation_steps=seen)


def _past(modality: str, rate: Thinking) -> tuple[int, ...]:
    if modality == "state":
        return tuple(range(-rate.oldest - 1, 1))
    return tuple(dict.fromkeys((*range(-rate.oldest, 1 - rate.late), 0)))


@dataclass(frozen=True)
class Dual(ModelConfig):
    """`slow` writes intents of a few latent tokens; the encoder of `fast` reads them where others read an instruction.

    Without a `slow` part, the first layers of the encoder of `fast` write them, such as those of `fis`.

    Training draws the age of each row's intent as a thinker makes it that observes `every` so many control steps, and
    whose intent is `late` by so many (`core.intent.Thinking`); its window has the past for it (`with_past`). With an
    `every` of 0 no ages are drawn: each intent is of the present, and the fast part is not told an age.
    """

    tag: ClassVar[str] = "dual"
    fast: EncoderHead
    slow: EncoderConfig | None = None
    every: int = 8
    """In training, control steps from one observation of the slow part to the next; 0: intents are of the present."""
    late: int = 8
    """In training, control steps until an intent arrives."""
    slow_sees_robot: bool = True
    """The slow part sees the state, in its embodiment's own layers; without, one intent serves several embodiments."""

    @property
    def rate(self) -> Thinking | None:
        """How often the slow part thinks in training; None: intents are of the present."""
        return Thinking(self.every, self.late) if self.every else None

    @property
    def sampling(self) -> Sampling:
        """The fast part's."""
        return self.fast.sampling

    def sampled(self, sampling: Sampling) -> "Dual":
        """With a fast part that is sampled with these options. Raises as `EncoderHead.sampled` does."""
        return replace(self, fast=self.fast.sampled(sampling))

    def resampled(self, sampling: Sampling) -> Sampling:
        """The options of `sampling` that differ from the fast part's own."""
        return self.fast.resampled(sampling)

    @property
    def clips(self) -> Callable[[Float32[np.ndarray, "B H A"]], Bool[np.ndarray, "B H A"]] | None:
        """Which entries of normalised chunks the fast part reproduces only clipped; None: it never clips."""
        return self.fast.clips

    def prompt_tokenizer(self, num_images: int) -> PromptTokenizer | None:
        """The tokenizer of the slow part's public model, which sees one observation; None: it has none."""
        if not isinstance(self.slow, HasPromptTokenizer):
            return None
        rate = self.rate
        return self.slow.prompt_tokenizer(num_images if rate is None else num_images // len(_past("image", rate)))

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "Dual":
        """With what both parts learn before training."""
        slow = None if self.slow is None else fit_config(self.slow, chunks)
        return replace(self, slow=slow, fast=self.fast.fit(chunks))

    def unfitted(self) -> "Dual":
        """The same network before `fit`, whatever the ages that it is trained with."""
        slow = None if self.slow is None else unfitted(self.slow)
        return Dual(slow=slow, fast=self.fast.unfitted(), slow_sees_robot=self.slow_sees_robot)

    def fitted_as(self, other: "Dual") -> "Dual":
        """With what `other`, the same network, learned from its data before training."""
        return replace(self, slow=_fitted_as(self.slow, other.slow), fast=self.fast.fitted_as(other.fast))

    def refitted_as(self, other: "Dual", chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "Dual":
        """As `fitted_as`, but with the head fitted again on `chunks`."""
        fast = self.fast.refitted_as(other.fast, chunks)
        return replace(self, slow=_fitted_as(self.slow, other.slow), fast=fast)

    def build(self, shapes: Shapes) -> "DualModel":
        """The networks with fresh weights.

        Raises:
            MismatchError: a window without the past that ages are drawn from; a fast part that reads no intent, or that
                has public weights; named streams; a state that is rolled forward.
        """
        _expect_past(shapes, self.rate)
        if shapes.streams or self.fast.roll_forward:
            what = "named streams" if shapes.streams else "--model.fast.roll-forward"
            raise MismatchError(f"expected two systems without {what}, got them: leave them out")
        one = replace(shapes, num_images=len(shapes.cameras), num_states=1)
        fast = self.fast.build(one)
        if isinstance(fast.encoder, Pretrained):
            raise MismatchError("the fast one of two systems has no public weights: give them to the slow one")
        slow = None if self.slow is None else Slow(self.slow.build(one), _reader(self.fast.encoder))
        if slow is None and not isinstance(fast.encoder, WritesIntents):
            raise MismatchError(
                f"expected a slow encoder, or a fast one whose first layers write intents, such as 'fis', got"
                f" {self.fast.encoder.tag!r} alone"
            )
        return DualModel(slow, fast, self.rate, self.slow_sees_robot)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> "DualPolicy":
        """The policy of a model that this config has built. It sees the present alone."""
        assert isinstance(model, DualModel), type(model)
        present = window.without_history()
        return DualPolicy(self.fast.make_policy(model.fast, transforms, embodiments, present, masked=masked), model)


def _fitted_as(config: EncoderConfig | None, other: EncoderConfig | None) -> EncoderConfig | None:
    return config if config is None or other is None else fitted_as(config, other)


def _reader(config: Config) -> IntentText:
    """How the encoder with that config reads intents, which says how they are written."""
    found = next((one for one in components(config) if isinstance(one, IntentText)), None)
    if found is None:
        raise MismatchError(
            f"expected a fast encoder that reads intents, got {config.tag!r} without: give it the text encoder 'intent'"
        )
    return found


def _expect_past(shapes: Shapes, rate: Thinking | None) -> None:
    """Raises MismatchError for a window that does not have the observations of the ages that are drawn."""
    images, states = (len(_past(name, rate)) if rate else 1 for name in ("image", "state"))
    got = shapes.num_images, shapes.num_states
    if got != (images * len(shapes.cameras), states):
        drawn = "no ages are drawn" if rate is None else f"every {rate.every} and late by {rate.late}"
        raise MismatchError(
            f"expected a window of two systems with {images} images of each camera and {states} states ({drawn}), got"
            f" {got[0]} and {got[1]}: make it by policies.two_systems.with_past"
        )


class DualModel(nn.Module):
    """See `Dual`. Satisfies `Trainable`, `BeginsAndFinishes`, `SamplesActions` (`nn.trainable`) and `HasBackbone`."""

    def __init__(self, slow: Slow | None, fast: EncoderHeadModel, rate: Thinking | None, slow_sees_robot: bool = True):
        super().__init__()
        self.slow = slow
        self.fast = fast
        self.rate = rate
        self.slow_sees_robot = slow_sees_robot

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, or (None) the public ones of the slow part, and freeze or adapt that as its config says."""
        begin_with(self, self._slow_encoder, weights)

    @property
    def finish_changes(self) -> bool:
        """Whether there are adapters to merge."""
        return isinstance(self._slow_encoder, Pretrained)

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
        return finish_with(self, self._slow_encoder, weights)

    @property
    def _slow_encoder(self) -> Encoder | None:
        """None: the first layers of the fast part's encoder write intents."""
        return None if self.slow is None else self.slow.encoder

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """Those of the slow part's backbone; none where it has no such model."""
        encoder = self._slow_encoder
        return encoder.backbone_parameters() if isinstance(encoder, HasBackbone) else iter(())

    def think(self, batch: Batch) -> Float[Tensor, "B N D"]:
        """The intent of each row of a batch with one observation."""
        if not self.slow_sees_robot:
            hidden = {name: torch.zeros_like(getattr(batch, name)) for name in ("state_valid", "embodiment")}
            batch = replace(batch, **hidden)
        if self.slow is not None:
            return self.slow(batch)
        assert isinstance(self.fast.encoder, WritesIntents), "what was built writes intents"
        return self.fast.encoder.think(batch)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The fast part's loss, with intents of drawn ages; its gradient reaches the slow part."""
        if batch.answer is not None or batch.is_first is not None:
            raise MismatchError("expected windows of actions for two systems, got questions or sequences")
        drawn = None
        if self.rate is not None:
            drawn = batch.share.integers(self.rate.late, self.rate.oldest + 1, [len(batch.state)], generator)
        return self.fast.loss(self._told(batch, drawn), generator)

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the fast part's loss is the mean of."""
        return self.fast.num_valid(batch)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The fast part's."""
        return self.fast.noise_shape

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """Normalised action chunks, with intents of the age in the middle."""
        middle = None
        if self.rate is not None:
            middle = torch.full_like(batch.embodiment, self.rate.late + self.rate.every // 2)
        return self.fast.sample(self._told(batch, middle), noise)

    def _told(self, batch: Batch, age: Int[Tensor, " B"] | None) -> Batch:
        """The batch with its newest observation, and the intent of the observation of that age (None: the newest).

        Until the thinker's second intent arrives, its first one, which is of the episode's first observation, is used.
        """
        newest = _observed(batch, lambda length: torch.full_like(batch.embodiment, length - 1))
        if age is None or self.rate is None or batch.state.shape[1] == 1:
            return replace(newest, intent=self.think(newest), intent_age=torch.zeros_like(batch.embodiment))
        rate, since_start = self.rate, batch.state_valid[:, :-1].sum(1)
        age = torch.where(since_start <= rate.oldest, since_start, age)
        past = _observed(
            batch,
            images=lambda length: rate.oldest - age.clamp_min(rate.late),
            state=lambda length: length - 1 - age,
        )
        # Images from before the episode's start repeat its first one, which is the one that is meant.
        past = replace(past, image_valid=newest.image_valid)
        return replace(newest, intent=self.think(past), intent_age=age)


def _observed(
    batch: Batch,
    images: Callable[[int], Int[Tensor, " B"]],
    state: Callable[[int], Int[Tensor, " B"]] | None = None,
) -> Batch:
    """The batch with one observation per row: of as many as there are, those with the numbers that are returned."""

    def chosen(value: Tensor, number: Callable[[int], Int[Tensor, " B"]]) -> Tensor:
        return value[torch.arange(len(value), device=value.device), number(value.shape[1])][:, None]

    state = state or images
    return replace(
        batch,
        images={name: chosen(value, images) for name, value in batch.images.items()},
        image_valid={name: chosen(value, images) for name, value in batch.image_valid.items()},
        state=chosen(batch.state, state),
        state_valid=chosen(batch.state_valid, state),
    )


class DualPolicy(TrainedPolicy):
    """A thinker (`rollout.thinking.Thinker`) and a policy that reads its intents. Holds weights only.

    A query without an intent is thought about before it is decided.
    """

    def __init__(self, policy: EncoderHeadPolicy, model: DualModel):
        self.policy = policy
        self.model = model.eval()
        self.embodiments = policy.embodiments
        self.window = policy.window
        self.transforms = policy.transforms
        self.device = policy.device
        self.longest_delay = policy.longest_delay

    @property
    def embodiment(self) -> Embodiment:
        """The embodiment it acts for. Raises MismatchError where that is not selected yet."""
        return self.policy.embodiment

    def bind(self, embodiment: Embodiment, name: str | None = None) -> "DualPolicy":
        """The policy for `embodiment`, with the weights of the trained embodiment `name`."""
        bound = copy(self)
        bound.policy = self.policy.bind(embodiment, name)
        bound.window = bound.policy.window
        return bound

    def start(self, num_rows: int) -> Any:
        return self.policy.start(num_rows)

    @torch.no_grad()
    def think(self, queries: Sequence[Query]) -> list[Intent]:
        """An intent of each query's observation."""
        batch = self.policy.batch(queries)
        with bf16_arithmetic(self.model):
            latents = self.model.think(batch).float().cpu().numpy()
        return [Intent(query.step, latent) for query, latent in zip(queries, latents, strict=True)]

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        """The fast part's chunks, by the intents of the queries.

        Raises:
            MismatchError: intents of another kind or size than this policy writes.
        """
        untold = [query for query in queries if query.intent is None]
        thoughts = iter(self.think(untold) if untold else [])
        told = [replace(query, intent=next(thoughts)) if query.intent is None else query for query in queries]
        if self.model.rate is None:
            told = [replace(query, intent=replace(query.intent, step=query.step)) for query in told if query.intent]
        return self.policy.act(told, carry)
