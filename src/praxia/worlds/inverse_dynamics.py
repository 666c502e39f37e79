"""Inverse dynamics: which action led from the frames before to the frames after.

Axes: B batch, A action dims, T frames.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import FittedConfig, fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.labelling import ActionLabeller, PseudoActions
from praxia.core.window import Samples, Window
from praxia.nn.layers import ResidualBlock, masked_mean
from praxia.nn.pretrained import begin_with, finish_with
from praxia.nn.queries import to_batch
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Batch, EncoderConfig, HasBackbone, Pretrained, Shapes
from praxia.transforms.chain import Transforms

__all__ = ["InverseDynamics", "InverseDynamicsLabeller", "InverseDynamicsModel"]

# Of the predicted standard deviation, in units of the normalised action: no smaller than its logarithm's lower end.
LOG_STD = (-5.0, 2.0)


@dataclass(frozen=True)
class InverseDynamics(ModelConfig, FittedConfig):
    """The action at the present, from images up to it and after it, as a Gaussian per dim. Satisfies `FitsData`.

    The encoder sees all frames of a window as if they were observation steps, `num_later` of each camera after the
    present (`Window.targets`); a frame from before an episode or after its end is not valid. Neither state nor
    instruction is seen, so what is trained here labels video alone. The window has a horizon of 1, and `executed`
    actions: those that moved what is seen.

    A dim that has two values in the training data, such as a gripper that is told to open or to close, is a switch: its
    value is one of the two. That is read from the data, from at most 16,384 actions (`fitted`: dim, lower and upper
    normalised value of each switch), because data of other writers do not declare which dims are grippers; a gripper
    whose commands are continuous is predicted as other dims are.

    VPT (Baker et al. 2022, arXiv 2206.11795): a non-causal model of 128 frames with temporal convolutions, attention
    and 0.5 billion parameters, which predicts binned mouse movements and keys of every frame. Deviations: a few frames,
    any encoder with a readout, the present's action alone, Gaussians for bins. Their means are trained with the
    beta-NLL (Seitzer et al. 2022, arXiv 2203.09168), beta = 0.5: by likelihood alone rows that are badly predicted
    would be given up.
    """

    tag: ClassVar[str] = "inverse-dynamics"
    encoder: EncoderConfig
    num_later: int = 1
    """Frames of each camera after the present: as many as the window's targets."""
    width: int = 256
    """Width of the layers between the encoder's readout and the action."""
    depth: int = 2
    """Number of these layers."""

    def build(self, shapes: Shapes) -> "InverseDynamicsModel":
        return InverseDynamicsModel(self, shapes)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "InverseDynamics":
        """With the switches of the training data, and with what the encoder learns before training."""
        fitted = {"switches": _switches(chunks())}
        return replace(self, encoder=fit_config(self.encoder, chunks), fitted=fitted)

    def unfitted(self) -> "InverseDynamics":
        """The same network before `fit`."""
        return replace(self, encoder=unfitted(self.encoder), fitted=None)

    def fitted_as(self, other: Any) -> "InverseDynamics":
        """With what `other`, the same network, learned before training."""
        return replace(self, encoder=fitted_as(self.encoder, other.encoder), fitted=other.fitted)

    def refitted_as(self, other: Any, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "InverseDynamics":
        """As `fitted_as`, with the switches of the new data."""
        return replace(self.fitted_as(other), fitted={"switches": _switches(chunks())})

    def make_labeller(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
    ) -> ActionLabeller:
        """See `worlds.interface.MakesLabeller`.

        Raises:
            MismatchError: actions that are relative to a state, which a video does not show.
        """
        assert isinstance(model, InverseDynamicsModel), type(model)
        if transforms.embodiments[0].relative is not None:
            raise MismatchError("an inverse dynamics model needs absolute actions, got relative ones")
        return InverseDynamicsLabeller(model.requires_grad_(False).eval(), transforms, embodiments[0], window)


def _switches(chunks: Float32[np.ndarray, "B H A"]) -> list[list[int | float]]:
    """(dim, lower value, upper value) of each dim with two values."""
    values = [np.unique(chunks[..., dim]) for dim in range(chunks.shape[-1])]
    return [[dim, *map(float, found)] for dim, found in enumerate(values) if len(found) == 2]


class InverseDynamicsModel(nn.Module):
    """See `InverseDynamics`. Satisfies `Trainable`, `WeighsShares`, `SamplesActions`, `BeginsAndFinishes` and
    `HasBackbone`.

    Raises:
        MismatchError: several embodiments, another horizon than 1, no camera, or an encoder without a readout.
    """

    noise_shape = (0,)
    is_switch: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, config: InverseDynamics, shapes: Shapes):
        super().__init__()
        _expect_shapes(shapes)
        self.config = config
        self.cameras = shapes.cameras
        num_images = shapes.num_images + config.num_later * len(shapes.cameras)
        self.encoder = config.encoder.build(replace(shapes, num_images=num_images, num_states=0))
        if "readout" not in self.encoder.provides:
            raise MismatchError(
                f"expected an encoder with a readout for model 'inverse-dynamics', got {config.encoder.tag!r}"
            )
        self.first = nn.Linear(self.encoder.width, config.width)
        self.blocks = nn.Sequential(*(ResidualBlock(config.width) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, 2 * shapes.action_dim)
        switches = {int(dim): (low, high) for dim, low, high in (config.fitted or {"switches": []})["switches"]}
        ends = [switches.get(dim, (0.0, 0.0)) for dim in range(shapes.action_dim)]
        is_switch = torch.tensor([dim in switches for dim in range(shapes.action_dim)])
        self.register_buffer("is_switch", is_switch, persistent=False)
        self.register_buffer("low", torch.tensor([low for low, _ in ends]), persistent=False)
        self.register_buffer("high", torch.tensor([high for _, high in ends]), persistent=False)

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, or (None) the public ones that the encoder names, and freeze or adapt as its config says."""
        begin_with(self, self.encoder, weights)

    @property
    def finish_changes(self) -> bool:
        """Whether there are adapters to merge."""
        return isinstance(self.encoder, Pretrained)

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
        return finish_with(self, self.encoder, weights)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The mean over dims of the beta-NLL, of switches the cross-entropy; metrics: the error and the predicted std.

        "l1" is the mean absolute error of normalised actions, with a switch decided; "std" the mean prediction of it.
        """
        assert batch.action is not None, "a loss needs actions"
        wanted, valid = batch.action[:, 0], self._valid(batch)
        mean, log_std = self._predicted(batch)
        scaled = (wanted - mean) * torch.exp(-log_std)
        gaussian = (0.5 * scaled.square() + log_std) * log_std.detach().exp()  # beta 0.5: times the std
        upper = (wanted > (self.low + self.high) / 2).to(mean.dtype)
        switch = functional.binary_cross_entropy_with_logits(mean, upper, reduction="none")
        loss = masked_mean(torch.where(self.is_switch, switch, gaussian), valid, batch.share)
        action, std = self._decided(mean.detach(), log_std.detach())
        metrics = {
            "l1": masked_mean((action - wanted).abs(), valid, batch.share),
            "std": masked_mean(std, valid, batch.share),
        }
        return loss, metrics

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the loss is the mean of."""
        return self._valid(batch).sum()

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """The encoder's; none if it has no backbone."""
        return self.encoder.backbone_parameters() if isinstance(self.encoder, HasBackbone) else iter(())

    def sample(self, batch: Batch, noise: Float[Tensor, "B 0"]) -> Float[Tensor, "B 1 A"]:
        """The likeliest normalised action at the present; nothing is drawn."""
        return self.predict(batch)[0][:, None]

    def predict(self, batch: Batch) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B A"]]:
        """The likeliest normalised action at the present, and its standard deviation."""
        return self._decided(*self._predicted(batch))

    def _valid(self, batch: Batch) -> Bool[Tensor, "B A"]:
        assert batch.action_valid is not None, "a loss needs to know which actions are valid"
        return batch.action_valid.expand(-1, len(self.is_switch))

    def _predicted(self, batch: Batch) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B A"]]:
        """The mean, or a switch's logit of its upper value, and the logarithm of the standard deviation."""
        context = self.encoder(self._all_frames(batch))
        h = self.blocks(functional.relu(self.first(context.readout())))
        mean, log_std = self.out(self.norm(h)).float().chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD)

    def _decided(
        self, mean: Float[Tensor, "B A"], log_std: Float[Tensor, "B A"]
    ) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B A"]]:
        """A switch has the likelier of its values, and the standard deviation of a draw of them."""
        upper, gap = torch.sigmoid(mean), self.high - self.low
        decided = torch.where(mean > 0, self.high, self.low)
        std = gap * (upper * (1 - upper)).sqrt()
        return torch.where(self.is_switch, decided, mean), torch.where(self.is_switch, std, log_std.exp())

    def _all_frames(self, batch: Batch) -> Batch:
        """The batch with later frames behind the others, without the state and with no token of the instruction.

        Raises:
            MismatchError: another number of later frames than the config has.
        """
        found = {name: batch.target_images[name].shape[1] for name in batch.target_images}
        if found != (expected := dict.fromkeys(self.cameras, self.config.num_later)):
            raise MismatchError(
                f"expected a window with targets {expected} (--model.num-later of each camera), got {found or 'none'}"
            )
        images = {name: torch.cat([batch.images[name], batch.target_images[name]], dim=1) for name in self.cameras}
        valid = {
            name: torch.cat([batch.image_valid[name], batch.target_image_valid[name]], dim=1) for name in self.cameras
        }
        return replace(
            batch,
            images=images,
            image_valid=valid,
            state=batch.state[:, :0],
            state_valid=batch.state_valid[:, :0],
            text_valid=torch.zeros_like(batch.text_valid),
        )


def _expect_shapes(shapes: Shapes) -> None:
    if shapes.num_embodiments != 1 or shapes.horizon != 1 or not shapes.cameras:
        raise MismatchError(
            "an inverse dynamics model is of one embodiment, its cameras and a horizon of 1, got"
            f" {shapes.num_embodiments} embodiments, {len(shapes.cameras)} cameras and a horizon of {shapes.horizon}"
        )


class InverseDynamicsLabeller:
    """A trained model that labels video. Satisfies `core.labelling.ActionLabeller`.

    Actions are clipped to the declared range, as executed ones are.
    """

    def __init__(self, model: InverseDynamicsModel, transforms: Transforms, embodiment: Embodiment, window: Window):
        self._model, self._transforms = model, transforms
        self.embodiment = embodiment
        frames = {name: at for name, at in window.observation_steps.items() if name.startswith("image.")}
        self.window = Window(frames, 0, window.targets)

    @torch.no_grad()
    def label(self, samples: Samples) -> PseudoActions:
        """See `ActionLabeller.label`."""
        transforms, num_rows = self._transforms.embodiments[0], len(samples.instruction)
        # Video may come without a state, of which the transforms know the size.
        stateless = replace(
            samples,
            state=np.zeros((num_rows, 0, transforms.state.size), np.float32),
            state_valid=np.zeros((num_rows, 0), bool),
        )
        batch = to_batch(self._transforms.encode(stateless), self._transforms)
        found = self._model.predict(batch.to(self._model.low.device))
        action, std = (value.cpu().numpy() for value in found)
        low, high = self.embodiment.action_range
        decoded = np.clip(transforms.action.decode(action), low, high).astype(np.float32)
        scale = np.abs(transforms.action.decode(np.ones_like(std)) - transforms.action.decode(np.zeros_like(std)))
        return PseudoActions(decoded, (std * scale).astype(np.float32))
