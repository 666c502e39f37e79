"""The places of a ResNet's last feature map as tokens: the vision of ACT."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.encoders.language import PooledText
from praxia.encoders.resnet import Trunk
from praxia.encoders.state_projection import StateProjection
from praxia.encoders.vit import grid_positions
from praxia.nn.masking import valid_tokens
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["ResNetGrid", "ResNetGridEncoder"]


@dataclass(frozen=True)
class ResNetGrid(Config):
    """One token a place of every image's last feature map, one of the state and one of the instruction.

    DETR (arXiv 2005.12872) as ACT uses it (arXiv 2304.13705); published size: channels (64, 128, 256, 512), ResNet-18.
    Deviations: the stem halves its second time by convolution; GroupNorm, trained with the policy, in place of frozen
    BatchNorm from ImageNet; positions, sines and cosines of row and column, are added once and not in every layer, and
    a learned vector an image with them; an instruction.
    The group "readout" holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "resnet-grid"
    text: Config = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 64, 128)

    def build(self, shapes: Shapes) -> "ResNetGridEncoder":
        return ResNetGridEncoder(self, shapes)


class ResNetGridEncoder(nn.Module):
    """See `ResNetGrid`."""

    gives = frozenset({"readout"})

    def __init__(self, config: ResNetGrid, shapes: Shapes):
        super().__init__()
        self.width = config.channels[-1]
        self.cameras = shapes.cameras
        self.trunk = Trunk(config.channels)
        self.image = nn.Parameter(torch.randn(shapes.num_images, 1, self.width) * 0.02)
        self.text = config.text.build(shapes)  # pyright: ignore[reportAttributeAccessIssue]
        self.text_in = nn.Linear(self.text.width, self.width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, self.width)

    def forward(self, batch: Batch) -> Context:
        counts = [batch.images[name].shape[1] for name in self.cameras]
        which = self.image.split(counts)
        seen = {
            name: (self.places(batch.images[name]) + own).flatten(1, 2)
            for name, own in zip(self.cameras, which, strict=True)
        }
        others = torch.stack([self.text_in(self.text(batch)), self.state_in(self.state(batch))], dim=1)
        tokens = torch.cat([*seen.values(), others], dim=1)
        return Context(tokens, valid_tokens(batch, seen, num_others=2), {"readout": slice(0, tokens.shape[1])})

    def places(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T N D"]:
        """The features of each moment's image, place by place, and where each is."""
        x = self.trunk(images.flatten(0, 1))
        place = grid_positions(x.shape[2], x.shape[3], x.shape[1], x.device).to(x.dtype)
        return (x.flatten(2).mT + place).unflatten(0, images.shape[:2])
