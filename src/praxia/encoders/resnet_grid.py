"""The cells of a ResNet's last feature map as tokens: the vision of ACT."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.encoders.layers import StateProjection, grid_positions
from praxia.encoders.resnet import Trunk
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.layers import token_mask
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["ResNetGrid", "ResNetGridEncoder"]


@dataclass(frozen=True)
class ResNetGrid(EncoderConfig):
    """One token per cell of every image's last feature map, one of the state and one of the instruction.

    DETR (arXiv 2005.12872) as ACT uses it (arXiv 2304.13705); published size: channels (64, 128, 256, 512), ResNet-18.
    Deviations: the stem halves its second time by convolution; GroupNorm, trained with the policy, in place of frozen
    BatchNorm from ImageNet; positions, sines and cosines of row and column, are added once and not in every layer,
    together with a learned embedding per image; an instruction.
    The group "readout" holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "resnet-grid"
    text: TextEncoderConfig = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 64, 128)

    def build(self, shapes: Shapes) -> "ResNetGridEncoder":
        return ResNetGridEncoder(self, shapes)


class ResNetGridEncoder(Encoder):
    """See `ResNetGrid`."""

    provides = frozenset({"readout"})

    def __init__(self, config: ResNetGrid, shapes: Shapes):
        super().__init__()
        self.width = config.channels[-1]
        self.cameras = shapes.cameras
        self.trunk = Trunk(config.channels)
        self.image_embedding = nn.Parameter(torch.randn(shapes.num_images, 1, self.width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, self.width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, self.width)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        embeddings = self.image_embedding.split([batch.images[name].shape[1] for name in self.cameras])
        camera_tokens = {
            name: (self.cells(batch.images[name]) + embedding).flatten(1, 2)
            for name, embedding in zip(self.cameras, embeddings, strict=True)
        }
        other = torch.stack([self.text_in(self.text(batch)), self.state_in(self.state(batch))], dim=1)
        tokens = torch.cat([*camera_tokens.values(), other], dim=1)
        return Context(tokens, token_mask(batch, camera_tokens, num_other=2), {"readout": slice(0, tokens.shape[1])})

    def cells(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T N D"]:
        """The features of each image's cells with their positions."""
        x = self.trunk(images.flatten(0, 1))
        position = grid_positions(x.shape[2], x.shape[3], x.shape[1], x.device).to(x.dtype)
        return (x.flatten(2).mT + position).unflatten(0, images.shape[:2])
