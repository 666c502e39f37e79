"""A policy whose actions are corrected by the newest observation, at every control step.

A2C2 (arXiv 2509.23224): a chunk is decided on an observation that is old when its actions are executed. A small network
of its own sees the newest observation, the action that the chunk has for this step and how old the chunk is, and adds
what is missing; it starts at zero. Deviations: policy and correction are trained in one run, whose gradients of the
correction do not reach the policy, where theirs corrects a policy that is finished; the correction sees no features of
the policy.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia.nn.embodiment_linear import dim_masks, embodiment_linear, mask_dims
from praxia.nn.layers import ResidualBlock, masked_mean, sinusoidal_embedding, zeroed
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.types import Batch, EncoderConfig, Pretrained, Shapes
from praxia.policies.around import AroundPolicy
from praxia.policies.encoder_head import EncoderHeadPolicy
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.policies.interface import TrainedPolicy
from praxia.transforms.chain import Transforms

__all__ = ["Corrected", "CorrectedModel", "CorrectedPolicy"]

INDEX_WIDTH = 64
# In chunks: half of one, so that steps between those that are trained are like them.
SHORTEST_PERIOD = 0.5


@dataclass(frozen=True)
class Corrected(AroundPolicy):
    """`policy` decides chunks; a network with `encoder`, which sees the newest observation, corrects each action.

    `offsets` are the steps of a chunk that training corrects. For each a window has a later observation
    (`Window.targets`, at the same offsets); step 0, whose observation is the policy's own, is always trained, too.
    """

    tag: ClassVar[str] = "corrected"
    encoder: EncoderConfig
    offsets: tuple[int, ...]
    """Steps of a chunk that training corrects: those of the later observations in the window."""
    width: int = 128
    """Width of the correction's layers."""
    depth: int = 2
    """Number of the correction's residual blocks."""

    def build(self, shapes: Shapes) -> "CorrectedModel":
        """The networks with fresh weights.

        Raises:
            MismatchError: an encoder with public weights; offsets beyond the chunk, or not in rising order from 1.
        """
        if list(self.offsets) != sorted(set(self.offsets)) or not min(self.offsets, default=0) >= 1:
            raise MismatchError(f"expected offsets of a correction in rising order from 1, got {list(self.offsets)}")
        if self.offsets[-1] >= shapes.horizon:
            raise MismatchError(
                f"expected offsets of a correction below the horizon of {shapes.horizon}, got {self.offsets[-1]}"
            )
        if self.policy.roll_forward:
            raise MismatchError("a corrected policy rolls no state forward: leave out --model.policy.roll-forward")
        policy = self.policy.build(shapes)
        correction = Correction(self, replace(shapes, num_images=len(shapes.cameras), num_states=1, streams={}))
        if isinstance(policy.encoder, Pretrained) or isinstance(correction.encoder, Pretrained):
            raise MismatchError("a corrected policy has no encoder with public weights yet; choose another encoder")
        return CorrectedModel(policy, correction, self.offsets, shapes)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> "CorrectedPolicy":
        """The policy of a model that this config has built."""
        assert isinstance(model, CorrectedModel), type(model)
        policy = self.policy.make_policy(model.policy, transforms, embodiments, window, masked=masked)
        return CorrectedPolicy(policy, model)


class Correction(nn.Module):
    """(newest observation, action of the chunk, its number) -> what to add to the action. Zero with fresh weights."""

    def __init__(self, config: Corrected, shapes: Shapes):
        super().__init__()
        width, num_embodiments = config.width, shapes.num_embodiments
        self.horizon = shapes.horizon
        self.encoder = config.encoder.build(shapes)
        self.context_in = nn.Linear(self.encoder.width, width)
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, width)
        self.index_in = nn.Linear(INDEX_WIDTH, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(config.depth)))
        self.out = zeroed(embodiment_linear(num_embodiments, width, shapes.action_dim))

    def forward(self, newest: Batch, action: Float[Tensor, "B A"], index: Int[Tensor, " B"]) -> Float[Tensor, "B A"]:
        fraction = index.to(action.dtype) / self.horizon
        embedded_index = sinusoidal_embedding(fraction, INDEX_WIDTH, min_period=SHORTEST_PERIOD)
        h = self.context_in(self.encoder(newest).readout()) + self.index_in(embedded_index)
        h = h + self.action_in(action, newest.embodiment)
        return self.out(functional.silu(self.blocks(h)), newest.embodiment)


class CorrectedModel(nn.Module):
    """See `Corrected`. Satisfies `Trainable` and `SamplesActions` (`nn.trainable`)."""

    action_mask: Tensor

    def __init__(self, policy: EncoderHeadModel, correction: Correction, offsets: tuple[int, ...], shapes: Shapes):
        super().__init__()
        self.policy = policy
        self.correction = correction
        self.offsets = offsets
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The policy's loss, and "correction": the mean squared error of corrected actions at the trained steps."""
        context = self.policy.encoder(batch)
        loss, metrics = self.policy.head.loss(context, batch, generator)
        noise = batch.share.normal([len(batch.state), *self.noise_shape], generator)
        with torch.no_grad(), _without_dropout(self.policy.head):
            chunk = mask_dims(
                self.policy.head.sample(context, noise, batch.embodiment), self.action_mask, batch.embodiment
            )
        correction = self._correction_loss(batch, chunk)
        return loss + correction, {**metrics, "correction": correction.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the policy's loss is the mean of."""
        return self.policy.num_valid(batch)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The policy's."""
        return self.policy.noise_shape

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """The policy's chunks, whose actions are not corrected yet."""
        return self.policy.sample(batch, noise)

    def _correction_loss(self, batch: Batch, chunk: Float[Tensor, "B H A"]) -> Float[Tensor, ""]:
        """It is scaled so that its mean over all steps of a chunk is one over the trained steps.

        So it is weighted as the policy's loss where a batch is divided.
        """
        assert batch.action is not None, "a loss needs actions"
        steps = (0, *self.offsets)
        error = torch.zeros_like(chunk)
        for at, step in enumerate(steps):
            index = torch.full((len(chunk),), step, device=chunk.device)
            corrected = chunk[:, step] + self.correction(newest_of(batch, at), chunk[:, step], index)
            error[:, step] = (corrected - batch.action[:, step]).square()
        return masked_mean(error * (chunk.shape[1] / len(steps)), batch.loss_mask(self.action_mask), batch.share)


@contextmanager
def _without_dropout(module: nn.Module) -> Iterator[None]:
    """Within it `module` computes as in use, and draws nothing from torch's global random stream."""
    modules = [one for one in module.modules() if one.training]
    module.eval()
    try:
        yield
    finally:
        for one in modules:
            one.training = True


def newest_of(batch: Batch, at: int) -> Batch:
    """The batch with a single observation: the present one (0), or its `at`-th later one.

    Raises:
        MismatchError: the window does not have it.
    """
    if at == 0:
        last = slice(-1, None)
        images, image_valid = batch.images, batch.image_valid
        state, state_valid = batch.state, batch.state_valid
    else:
        last = slice(at - 1, at)
        images, image_valid = batch.target_images, batch.target_image_valid
        state, state_valid = batch.target_state, batch.target_state_valid
    if state is None or state_valid is None or at > state.shape[1] or set(images) != set(batch.images):
        raise MismatchError(
            "a correction needs a window with later states, and images of each camera, at its offsets: give"
            " --window.targets the offsets of --model.offsets"
        )
    return replace(
        batch,
        images={name: images[name][:, last] for name in batch.images},
        image_valid={name: image_valid[name][:, last] for name in batch.images},
        state=state[:, last],
        state_valid=state_valid[:, last],
    )


class CorrectedPolicy(TrainedPolicy):
    """Decides as its policy does, and corrects single actions; `rollout.corrected` asks for both."""

    def __init__(self, policy: EncoderHeadPolicy, model: CorrectedModel):
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

    def bind(self, embodiment: Embodiment, name: str | None = None) -> "CorrectedPolicy":
        """The policy for `embodiment`, with the weights of the trained embodiment `name`."""
        bound = copy(self)
        bound.policy = self.policy.bind(embodiment, name)
        bound.window = bound.policy.window
        return bound

    def start(self, num_rows: int) -> Any:
        return self.policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        """The policy's chunks, not corrected."""
        return self.policy.act(queries, carry)

    @torch.no_grad()
    def correct(
        self,
        queries: Sequence[Query],
        actions: Float32[np.ndarray, "B A"],
        indices: Int64[np.ndarray, " B"],
        decided: Float32[np.ndarray, "B S"],
    ) -> Float32[np.ndarray, "B A"]:
        """`actions` in declared units, those numbered `indices` of their chunks, by the newest observation.

        `decided` are the states at which the chunks were decided: relative actions are relative to them.
        """
        newest = self.policy.batch(queries, newest=True)
        number = int(newest.embodiment[0])
        encoded = torch.from_numpy(self.transforms.encode_actions(actions[:, None], number, decided))
        encoded = encoded[:, 0].to(self.device)
        index = torch.from_numpy(indices).to(self.device)
        with bf16_arithmetic(self.model):
            corrected = encoded + self.model.correction(newest, encoded, index)
        return self.transforms.decode(corrected[:, None].float().cpu().numpy(), number, decided)[:, 0]
