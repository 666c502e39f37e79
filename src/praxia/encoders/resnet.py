"""A ResNet with GroupNorm and spatial softmax: the vision of Diffusion Policy."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.encoders.layers import Readout, StateProjection, spatial_softmax
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.layers import zero_invalid
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["ResNet", "ResNetEncoder", "Trunk"]


@dataclass(frozen=True)
class ResNet(EncoderConfig):
    """A stem (7x7/2 and 3x3/2) and stages of two residual blocks; keypoints, state and text become one readout token.

    He et al. 2016 (arXiv 1512.03385) with GroupNorm, 16 channels per group, in place of BatchNorm, and spatial softmax,
    as in Diffusion Policy (arXiv 2303.04137). Published size: channels (64, 128, 256, 512), ResNet-18. Deviations: all
    cameras share their weights; the stem halves a second time by convolution; every channel gives a keypoint, where
    theirs first narrows to 32; no crops. Keypoints of an invalid image are zero.
    """

    tag: ClassVar[str] = "resnet"
    text: TextEncoderConfig = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 64, 128)
    width: int = 512

    def build(self, shapes: Shapes) -> "ResNetEncoder":
        return ResNetEncoder(self, shapes)


class ResNetEncoder(Encoder):
    """See `ResNet`."""

    provides = Readout.provides

    def __init__(self, config: ResNet, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.cameras = shapes.cameras
        self.trunk = Trunk(config.channels)
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        num_points = 2 * config.channels[-1] * shapes.num_images
        self.readout = Readout(num_points + self.state.width + self.text.width, config.width)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        points = [
            zero_invalid(self.keypoints(batch.images[camera]), batch.image_valid[camera]).flatten(1)
            for camera in self.cameras
        ]
        return self.readout(torch.cat([*points, self.state(batch), self.text(batch)], dim=-1))

    def keypoints(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B T P"]:
        """The position of each feature in [-1, 1]: x and y of the softmax over each feature map."""
        return spatial_softmax(self.trunk(images.flatten(0, 1))).unflatten(0, images.shape[:2])


class Trunk(nn.Module):
    """Images to feature maps of a fourth of their size, halved between stages, with the last stage's channels."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        first = channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 7, 2, 3),
            _norm(first),
            nn.ReLU(),
            nn.Conv2d(first, first, 3, 2, 1),
            _norm(first),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(
            *(
                nn.Sequential(BasicBlock(cin, cout, 1 if at == 0 else 2), BasicBlock(cout, cout, 1))
                for at, (cin, cout) in enumerate(zip((first, *channels[:-1]), channels, strict=True))
            )
        )

    def forward(self, images: UInt8[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        x = images.to(next(self.stem.parameters()).dtype) / 127.5 - 1.0
        return self.stages(self.stem(x.contiguous(memory_format=torch.channels_last)))


class BasicBlock(nn.Module):
    """ResNet's basic block: two 3x3 convolutions with a shortcut."""

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1), _norm(cout), nn.ReLU(), nn.Conv2d(cout, cout, 3, 1, 1), _norm(cout)
        )
        same = cin == cout and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(nn.Conv2d(cin, cout, 1, stride), _norm(cout))

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        return functional.relu(self.inside(x) + self.skip(x))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(channels // 16, 1), channels)
