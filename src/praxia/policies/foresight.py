"""A policy that learns to foresee: beside its actions it predicts what its encoder will make of a later observation.

FLARE (arXiv 2505.15659) aligns features of a policy with the embedding of a later observation by their cosine, GR-1
(arXiv 2312.13139) predicts a later frame from what the policy sees. Here the readout predicts, by a small network, the
encoder's own readout of the later observation, through which no gradient flows (SimSiam, arXiv 2011.10566). In use
nothing of it remains. Deviations: FLARE's target is an embedding trained beforehand, and its prediction is made of
extra tokens of the action head, which know the noisy actions; GR-1's is made of pixels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Shapes
from praxia.policies.around import AroundPolicy
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.policies.interface import TrainedPolicy
from praxia.transforms.chain import Transforms

__all__ = ["Foresight", "ForesightModel"]


@dataclass(frozen=True)
class Foresight(AroundPolicy):
    """`policy`, whose encoder also learns from a later observation.

    A window has one timestep of each modality, and all of them again as targets at one later step.
    """

    tag: ClassVar[str] = "foresight"
    weight: float = 0.2
    """Weight of the prediction beside the policy's loss."""
    width: int = 256
    """Width of the hidden layer that predicts."""

    def build(self, shapes: Shapes) -> "ForesightModel":
        """The network with fresh weights.

        Raises:
            MismatchError: an encoder without a readout, a window with several timesteps or with streams, or a policy
                that rolls its state forward.
        """
        if shapes.num_images != len(shapes.cameras) or shapes.num_states > 1 or shapes.streams:
            raise MismatchError("expected a window of one timestep, without streams, for model 'foresight'")
        if self.policy.roll_forward:
            raise MismatchError("a policy with foresight rolls no state forward: leave out --model.policy.roll-forward")
        policy = self.policy.build(shapes)
        if "readout" not in policy.encoder.provides:
            raise MismatchError(f"expected an encoder with a readout to foresee, got {self.policy.encoder.tag!r}")
        return ForesightModel(self, policy)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> TrainedPolicy:
        """The policy alone of a model that this config has built."""
        assert isinstance(model, ForesightModel), type(model)
        return self.policy.make_policy(model.policy, transforms, embodiments, window, masked=masked)


class ForesightModel(nn.Module):
    """See `Foresight`. Satisfies `Trainable`, `BeginsAndFinishes`, `SamplesActions` and `HasBackbone`."""

    def __init__(self, config: Foresight, policy: EncoderHeadModel):
        super().__init__()
        self.weight = config.weight
        self.policy = policy
        width = policy.encoder.width
        self.predict = nn.Sequential(nn.Linear(width, config.width), nn.GELU(), nn.Linear(config.width, width))

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The policy's loss, and "foresight": 1 less the cosine of the predicted and the later readout.

        It is the mean over the rows whose later observation is within the episode, per entry of the policy's loss.
        """
        context = self.policy.encoder(batch)
        loss, metrics = self.policy.head.loss(context, batch, generator)
        later, valid = later_of(batch)
        with torch.no_grad():
            target = self.policy.encoder(later).readout()
        error = 1 - functional.cosine_similarity(self.predict(context.readout()), target, dim=1)
        foresight = masked_mean(error, valid, batch.share)
        return loss + self.weight * foresight, {**metrics, "foresight": foresight.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the policy's loss is the mean of."""
        return self.policy.num_valid(batch)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """The policy's."""
        return self.policy.backbone_parameters()

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The policy's."""
        return self.policy.noise_shape

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """The policy's chunks."""
        return self.policy.sample(batch, noise)

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Begin as the policy, or (with `weights`) with those of a whole model."""
        if weights is None:
            self.policy.begin(None)
            return
        self.predict.load_state_dict(_under(weights, "predict."))
        self.policy.begin(_under(weights, "policy."))

    @property
    def finish_changes(self) -> bool:
        """Whether the policy has adapters to merge."""
        return self.policy.finish_changes

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with the policy's adapters merged. The model then holds them."""
        policy = self.policy.finish(_under(weights, "policy."))
        rest = {name: value for name, value in weights.items() if not name.startswith("policy.")}
        return {**rest, **{f"policy.{name}": value for name, value in policy.items()}}


def later_of(batch: Batch) -> tuple[Batch, Bool[Tensor, " B"]]:
    """The later observations of a batch as one of the present, and which rows have all of theirs.

    Raises:
        MismatchError: the window has not all of its modalities as targets at one later step.
    """
    has_state = batch.state.shape[1] > 0
    of_state = (batch.target_state, batch.target_state_valid) if has_state else (batch.state, batch.state_valid)
    (state, state_valid), images, valid = of_state, batch.target_images, batch.target_image_valid
    seen = [*valid.values(), *([state_valid] if has_state and state_valid is not None else [])]
    if (
        state is None
        or state_valid is None
        or set(images) != set(batch.images)
        or any(one.shape[1] != 1 for one in seen)
    ):
        raise MismatchError(
            "foresight needs a window with its state and the images of each of its cameras again as targets, at one"
            " later step"
        )
    later = replace(batch, images=images, image_valid=valid, state=state, state_valid=state_valid)
    return later, torch.cat(seen, dim=1).all(1)


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
