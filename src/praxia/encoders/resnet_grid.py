"""The cells of a ResNet's last feature map as tokens: the vision of ACT."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.core.config import ADDED
from praxia.core.errors import PraxiaError
from praxia.encoders.layers import StateProjection, context_of, embedded_cells, grid_positions
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.encoders.trunks import TrunkKind, build_trunk, load_torchvision
from praxia.nn.detr import grid_sines
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["ResNetGrid", "ResNetGridEncoder"]


@dataclass(frozen=True)
class ResNetGrid(EncoderConfig):
    """One token per cell of every image's last feature map, one of the state and one of the instruction.

    DETR (arXiv 2005.12872) as ACT uses it (arXiv 2304.13705); published size: channels (64, 128, 256, 512), ResNet-18.
    Deviations of the defaults: the stem halves its second time by convolution; GroupNorm, trained with the policy, in
    place of frozen BatchNorm from ImageNet; positions, sines and cosines of row and column, are added once and not in
    every layer, together with a learned embedding per image; an instruction.

    ACT's own form: `trunk` "frozen-batch-norm" is torchvision's ResNet; with `detr_width` cells and state are projected
    to that width, no embedding tells images apart, and positions (DETR's sines for cells, learned ones for the others)
    lie beside the tokens, for a head that adds them in every layer. `weights` are those of the ResNet before training.

    The group "readout" holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "resnet-grid"
    text: TextEncoderConfig = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 64, 128)
    """Channels of the feature maps, from the first to the last, each half as large as the one before."""
    trunk: TrunkKind = field(default="convolution-stem", metadata=ADDED)
    """torchvision's ResNet with GroupNorm or frozen BatchNorm, or one whose stem is two convolutions."""
    detr_width: int | None = field(default=None, metadata=ADDED)
    """Project tokens to this width and keep their positions beside them; None: they are as wide as the last stage and
    carry their positions."""
    weights: str = field(default="", metadata=ADDED)
    """Safetensors file of the ResNet's weights and statistics by torchvision's names, such as that of
    timm/resnet18.tv_in1k; by default it starts fresh. Takes trunk frozen-batch-norm and a detr-width."""

    def __post_init__(self) -> None:
        if self.detr_width is not None and (self.detr_width < 4 or self.detr_width % 4):
            raise PraxiaError(
                "encoder 'resnet-grid' expects a detr-width that is a multiple of 4, sine and cosine of row and column,"
                f" got {self.detr_width}"
            )
        if self.weights and (self.trunk != "frozen-batch-norm" or self.detr_width is None):
            raise PraxiaError(
                "encoder 'resnet-grid' takes weights for ACT's own ResNet: expected --model.encoder.trunk"
                " frozen-batch-norm and --model.encoder.detr-width WIDTH beside them (act-published has both), got"
                f" {self.trunk} and {self.detr_width}"
            )

    def build(self, shapes: Shapes) -> "ResNetGridEncoder | DETRGridEncoder":
        return ResNetGridEncoder(self, shapes) if self.detr_width is None else DETRGridEncoder(self, shapes)


class ResNetGridEncoder(Encoder):
    """See `ResNetGrid`: tokens that carry their positions."""

    provides = frozenset({"readout"})

    def __init__(self, config: ResNetGrid, shapes: Shapes):
        super().__init__()
        self.width = config.channels[-1]
        self.cameras = shapes.cameras
        self.trunk = build_trunk(config.trunk, config.channels)
        self.image_embedding = nn.Parameter(torch.randn(shapes.num_images, 1, self.width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, self.width) if self.text.width else None
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, self.width)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        camera_tokens = embedded_cells(batch, self.cameras, self.cells, self.image_embedding)
        text = [] if self.text_in is None else [self.text_in(self.text(batch))]
        return context_of(batch, camera_tokens, [*text, self.state_in(self.state(batch))])

    def cells(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T N D"]:
        """The features of each image's cells with their positions."""
        x = self.trunk(images.flatten(0, 1))
        position = grid_positions(x.shape[2], x.shape[3], x.shape[1], x.device).to(x.dtype)
        return (x.flatten(2).mT + position).unflatten(0, images.shape[:2])


class DETRGridEncoder(Encoder):
    """See `ResNetGrid`: projected tokens with their positions beside them. Satisfies `nn.types.Pretrained`."""

    provides = frozenset({"positions", "readout"})

    def __init__(self, config: ResNetGrid, shapes: Shapes):
        super().__init__()
        assert config.detr_width is not None, "the config builds another encoder without"
        self.width = config.detr_width
        self.weights = config.weights
        self.cameras = shapes.cameras
        self.trunk = build_trunk(config.trunk, config.channels)
        self.image_in = nn.Linear(config.channels[-1], self.width)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, self.width) if self.text.width else None
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, self.width)
        self.other_positions = nn.Parameter(torch.randn(1 if self.text_in is None else 2, self.width))

    def load(self) -> None:
        """Load the ResNet's weights, if the config names any. Raises as `load_torchvision`."""
        if self.weights:
            load_torchvision(self.trunk, Path(self.weights))

    def adapt(self) -> None:
        """Nothing to freeze or to add: everything is trained but the norms, which are no parameters."""

    def merge(self) -> None:
        """Nothing was added."""

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        camera_tokens, positions = {}, []
        for name in self.cameras:
            cells, rows, columns = self.cells(batch.images[name])
            camera_tokens[name] = cells.flatten(1, 2)
            positions.append(grid_sines(rows, columns, self.width, cells.device).repeat(cells.shape[1], 1))
        text = [] if self.text_in is None else [self.text_in(self.text(batch))]
        state = self.state_in(self.state(batch))
        where = torch.cat([*positions, self.other_positions]).to(state.dtype)
        return context_of(batch, camera_tokens, [*text, state], where)

    def cells(self, images: UInt8[Tensor, "B T C Y X"]) -> tuple[Float[Tensor, "B T N D"], int, int]:
        """The projected features of each image's cells, and the numbers of rows and columns."""
        x = self.trunk(images.flatten(0, 1))
        cells = self.image_in(x.flatten(2).mT).unflatten(0, images.shape[:2])
        return cells, x.shape[2], x.shape[3]
