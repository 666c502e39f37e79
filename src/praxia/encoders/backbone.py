"""Encoders on a public vision model: the patches of every image as tokens, or one readout of all images."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from praxia.core.config import FittedConfig
from praxia.core.errors import PraxiaError
from praxia.encoders.layers import (
    Readout,
    StateProjection,
    context_of,
    embedded_cells,
    grid_positions,
    linear,
    spatial_softmax,
)
from praxia.encoders.public.vision import FAMILIES, PublicVision
from praxia.encoders.public.vision_files import find_folder, read_vision
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.layers import zero_invalid
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["Backbone", "BackboneEncoder", "BackboneGrid", "BackboneGridEncoder", "BackboneReadoutEncoder"]


@dataclass(frozen=True)
class BackboneConfig(EncoderConfig, FittedConfig):
    """What both encoders take: a public vision model, whether it is trained, and the text encoder beside it."""

    training_only: ClassVar[frozenset[str]] = frozenset({"weights", "trained"})

    weights: str = ""
    """Folder of a DINOv2, DINOv3, SigLIP, CLIP or ResNet model as on the Hub, or hf://ORG/NAME."""
    trained: Literal["all", "nothing"] = "nothing"
    """Whether the vision model is tuned (all, with --train.backbone-learning-rate) or frozen (nothing)."""
    image_size: int = 0
    """Side in pixels to which the longer side of an image is scaled; 0: the model's own."""
    text: TextEncoderConfig = field(default_factory=PooledText)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> Any:
        """A copy with the architecture and the normalisation of the model in `weights`; `chunks` is not called.

        Raises:
            PraxiaError: no weights, files missing, or a model of an unknown family.
        """
        if not self.weights:
            raise PraxiaError(
                f"encoder {self.tag!r} needs a public vision model: --model.encoder.weights DIR, or hf://ORG/NAME such "
                "as hf://facebook/dinov2-small"
            )
        if self.image_size < 0:
            raise PraxiaError(f"expected --model.encoder.image-size of at least 0, got {self.image_size}")
        return replace(self, fitted=read_vision(find_folder(self.weights), FAMILIES))

    def vision(self) -> PublicVision:
        """The vision model with fresh weights."""
        assert self.fitted is not None, "a backbone is fitted before it is built"
        return PublicVision(self.fitted, self.image_size)


class BackboneEncoder(Encoder):
    """An encoder with a public vision model, `vision`. Satisfies `nn.types.Pretrained` and `HasBackbone`."""

    def __init__(self, config: BackboneConfig):
        super().__init__()
        self.config = config
        self.vision = config.vision()

    def load(self) -> None:
        """Load the public weights that the config names.

        Raises:
            PraxiaError: they are not there. MismatchError: some are missing or have another shape.
        """
        self.vision.load(find_folder(self.config.weights))

    def adapt(self) -> None:
        """Freeze what is not trained."""
        self.vision.freeze(all_weights=self.config.trained == "nothing")

    def merge(self) -> None:
        """Unfreeze: nothing was added."""
        self.requires_grad_(True)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.vision.parameters()

    @abstractmethod
    def forward(self, batch: Batch) -> Context: ...


@dataclass(frozen=True)
class BackboneGrid(BackboneConfig):
    """A public vision model; one token per patch of every image, one of the state and one of the instruction.

    ACT's layout (arXiv 2304.13705) on any vision model of `encoders.public.vision`: to the patches, normalised, fixed
    positions by row and column and a learned embedding per image are added. All cameras share the model. The group
    "readout" holds all tokens.
    """

    tag: ClassVar[str] = "backbone-grid"

    def build(self, shapes: Shapes) -> "BackboneGridEncoder":
        return BackboneGridEncoder(self, shapes)


class BackboneGridEncoder(BackboneEncoder):
    """See `BackboneGrid`."""

    provides = frozenset({"readout"})

    def __init__(self, config: BackboneGrid, shapes: Shapes):
        super().__init__(config)
        self.width = self.vision.width
        self.cameras = shapes.cameras
        # Families differ in the scale of their features; positions and embeddings are of size 1.
        self.norm = nn.LayerNorm(self.width)
        self.image_embedding = nn.Parameter(torch.randn(shapes.num_images, 1, self.width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, self.width) if self.text.width else None
        self.state = StateProjection(shapes)
        self.state_in = linear(self.state.width, self.width)

    def forward(self, batch: Batch) -> Context:
        camera_tokens = embedded_cells(batch, self.cameras, self.cells, self.image_embedding)
        text = [] if self.text_in is None else [self.text_in(self.text(batch))]
        return context_of(batch, camera_tokens, [*text, self.state_in(self.state(batch))])

    def cells(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T N D"]:
        """The normalised features of each image's patches with their positions."""
        patches = self.vision(images.flatten(0, 1)).patches
        rows, columns = patches.shape[2:]
        cells = self.norm(patches.flatten(2).mT)
        position = grid_positions(rows, columns, self.width, cells.device).to(cells.dtype)
        return (cells + position).unflatten(0, images.shape[:2])


@dataclass(frozen=True)
class Backbone(BackboneConfig):
    """A public vision model; what it sees in all images, state and text become one readout token.

    `pooling` makes a vector of each image: "spatial-softmax", the positions of `num_keypoints` learned features, as in
    Diffusion Policy (arXiv 2303.04137); "mean" over the patches; or "cls", the model's own vector for the image. All
    cameras share the model. The vector of an invalid image is zero.
    """

    tag: ClassVar[str] = "backbone"
    pooling: Literal["spatial-softmax", "mean", "cls"] = "spatial-softmax"
    """How a feature map becomes a vector."""
    num_keypoints: int = 32
    """With spatial-softmax: positions per image."""
    width: int = 512
    """Width of the readout."""

    def build(self, shapes: Shapes) -> "BackboneReadoutEncoder":
        return BackboneReadoutEncoder(self, shapes)


class BackboneReadoutEncoder(BackboneEncoder):
    """See `Backbone`."""

    provides = Readout.provides

    def __init__(self, config: Backbone, shapes: Shapes):
        super().__init__(config)
        self.width = config.width
        self.cameras = shapes.cameras
        self.pooling = config.pooling
        self.norm = nn.LayerNorm(self.vision.width)
        keypoints = config.pooling == "spatial-softmax"
        self.to_keypoints = nn.Linear(self.vision.width, config.num_keypoints) if keypoints else None
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        num_features = (2 * config.num_keypoints if keypoints else self.vision.width) * shapes.num_images
        self.readout = Readout(num_features + self.state.width + self.text.width, config.width)

    def forward(self, batch: Batch) -> Context:
        vectors = [
            zero_invalid(self.vectors(batch.images[camera]), batch.image_valid[camera]).flatten(1)
            for camera in self.cameras
        ]
        return self.readout(torch.cat([*vectors, self.state(batch), self.text(batch)], dim=-1))

    def vectors(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T F"]:
        """The vector of each image: keypoints in [-1, 1], or normalised features."""
        seen = self.vision(images.flatten(0, 1))
        if self.to_keypoints is not None:
            maps = self.to_keypoints(self.norm(seen.patches.flatten(2).mT)).mT
            vectors = spatial_softmax(maps.unflatten(2, seen.patches.shape[2:]))
        else:
            vectors = self.norm(seen.patches.mean((2, 3)) if self.pooling == "mean" else seen.cls)
        return vectors.unflatten(0, images.shape[:2])
