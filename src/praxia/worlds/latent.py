"""Worlds whose states are latents of an encoder: the model's parts that they share, and the world.

Axes: B batch, T frames, N tokens, D width, H actions, A action dims, E numbers of a block of actions.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.config import fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import Query
from praxia.core.window import Window
from praxia.nn.pretrained import begin_with, finish_with
from praxia.nn.queries import stack_queries, to_batch
from praxia.nn.stack import AttentionConfig
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Batch, Encoder, EncoderConfig, Pretrained, Shapes
from praxia.nn.world import Imagined, World, WorldState
from praxia.transforms.chain import Transforms

__all__ = ["LatentConfig", "LatentModel", "LatentState", "LatentWorld", "NormalisedActions"]


@dataclass(frozen=True)
class LatentConfig(ModelConfig, ABC):
    """The config of a `LatentModel` with any encoder of images. Satisfies `FitsData` and `worlds.interface.MakesWorld`.

    A window has the images of all cameras at steps that are `stride` apart, the present last, all actions between them,
    and targets at multiples of the stride up to the horizon.
    """

    encoder: EncoderConfig
    stride: int = 5
    """Control steps from one frame to the next (frame skip)."""
    depth: int = 4
    """Number of layers of the predictor."""
    num_heads: int = 4
    """Number of attention heads of the predictor."""
    head_width: int = 32
    """Width of a head."""

    @abstractmethod
    def build(self, shapes: Shapes) -> "LatentModel":
        """The model with fresh weights."""

    @property
    def attention(self) -> AttentionConfig:
        """The predictor's layers."""
        return AttentionConfig(self.depth, self.num_heads, self.num_heads, self.head_width)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> Any:
        """With what the encoder learns before training: a public model's sizes."""
        return replace(self, encoder=fit_config(self.encoder, chunks))

    def unfitted(self) -> Any:
        """The same network before `fit`."""
        return replace(self, encoder=unfitted(self.encoder))

    def fitted_as(self, other: Any) -> Any:
        """With what `other`, the same network, learned before training."""
        return replace(self, encoder=fitted_as(self.encoder, other.encoder))

    def refitted_as(self, other: Any, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> Any:
        """As `fitted_as`: nothing depends on the data."""
        return self.fitted_as(other)

    def make_world(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> World:
        """The world of a model that this config has built.

        Raises:
            MismatchError: several embodiments, or relative actions.
        """
        assert isinstance(model, LatentModel), type(model)
        if len(embodiments) != 1 or transforms.embodiments[0].relative is not None:
            what = "relative actions" if len(embodiments) == 1 else f"{len(embodiments)} embodiments"
            raise MismatchError(f"a latent world is of one embodiment and its absolute actions, got {what}")
        return LatentWorld(model.requires_grad_(False).eval(), transforms, embodiments[0], window, self.stride)


class LatentModel(nn.Module, ABC):
    """An encoder of frames and a predictor of the next latents. Satisfies `BeginsAndFinishes` and `EncodesFrames`.

    `num_frames` is the longest history that it was trained on, `width` is D.
    """

    encoder: Encoder
    num_frames: int
    width: int

    @abstractmethod
    def encode(self, batch: Batch) -> Float[Tensor, "B T N D"]:
        """The latents of the observed images; zero where an image is not valid."""

    @abstractmethod
    def predict(
        self, latents: Float[Tensor, "B T N D"], valid: Bool[Tensor, "B T"], blocks: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T N D"]:
        """The latents that follow each frame after its block of actions."""

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


@dataclass(frozen=True)
class LatentState:
    """The latents of the last frames, the newest last, and the blocks of actions between them."""

    latents: Float[Tensor, "B T N D"]
    blocks: Float[Tensor, "B _ E"]

    @property
    def latent(self) -> Float[Tensor, "B N D"]:
        """Of the present."""
        return self.latents[:, -1]

    def rows(self, index: Int[Tensor, " R"]) -> "LatentState":
        """Some rows, in the order of `index`."""
        return LatentState(self.latents[index], self.blocks[index])


class NormalisedActions:
    """Actions in declared units as the model of a world takes them; gradients reach the actions."""

    def __init__(self, transforms: Transforms, stride: int, device: torch.device):
        action = transforms.embodiments[0].action
        ends = [action.encode(np.full(action.size, value, np.float32)) for value in (0, 1)]
        self._offset = torch.from_numpy(ends[0]).to(device)
        self._scale = torch.from_numpy(ends[1] - ends[0]).to(device)
        self._stride = stride

    def __call__(self, actions: Float[Tensor, "B H A"]) -> Float[Tensor, "B H A"]:
        """The normalised actions, on the world's device.

        Raises:
            MismatchError: no multiple of the world's stride.
        """
        if actions.shape[1] % self._stride:
            raise MismatchError(f"expected a multiple of {self._stride} actions, got {actions.shape[1]}")
        return actions.to(self._scale) * self._scale + self._offset


class LatentWorld:
    """A trained model as a world. Satisfies `nn.world.World`.

    It starts from the present images alone, because a query does not say which actions led to them, and remembers what
    it imagines up to the model's number of frames. Training has histories of every length from one frame on.
    """

    def __init__(self, model: LatentModel, transforms: Transforms, embodiment: Embodiment, window: Window, stride: int):
        self.model = model
        self.embodiment = embodiment
        self.stride = stride
        self.window = Window({f"image.{camera}": (0,) for camera in window.cameras}, window.horizon)
        self._transforms = transforms
        self.device = next(model.parameters()).device
        self._normalised = NormalisedActions(transforms, stride, self.device)

    @torch.no_grad()
    def start(self, queries: Sequence[Query]) -> LatentState:
        """See `World.start`."""
        samples = stack_queries(queries, self.window, 0)
        batch = to_batch(self._transforms.encode(samples), self._transforms).to(self.device)
        latents = self.model.encode(batch)
        return LatentState(latents, latents.new_zeros(len(queries), 0, self.stride * self.embodiment.action_dim))

    def imagine(self, state: WorldState, actions: Float[Tensor, "B H A"]) -> Imagined:
        """See `World.imagine`.

        Raises:
            MismatchError: no multiple of `stride` actions.
        """
        assert isinstance(state, LatentState), type(state)
        latents, blocks, found = state.latents, state.blocks, []
        for block in self._normalised(actions).unflatten(1, (-1, self.stride)).flatten(2).unbind(1):
            blocks = torch.cat([blocks, block[:, None]], dim=1)
            valid = torch.ones(latents.shape[:2], dtype=torch.bool, device=latents.device)
            found.append(self.model.predict(latents, valid, blocks)[:, -1])
            latents = torch.cat([latents, found[-1][:, None]], dim=1)[:, -self.model.num_frames :]
            blocks = blocks[:, blocks.shape[1] - latents.shape[1] + 1 :]
        return Imagined(torch.stack(found, dim=1), LatentState(latents, blocks))
