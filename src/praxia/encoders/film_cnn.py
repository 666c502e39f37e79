"""A small convolutional encoder that the instruction conditions through FiLM."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.encoders.layers import Readout, StateProjection, spatial_softmax
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.layers import zero_invalid, zeroed
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["FilmCNN", "FilmCNNEncoder", "film_blocks"]


@dataclass(frozen=True)
class FilmCNN(EncoderConfig):
    """Four convolutions (5x5/2, 3x3/2, 3x3, 3x3), each with GroupNorm and FiLM, then spatial softmax keypoints.

    FiLM: Perez et al. 2018 (arXiv 1709.07871), zero-initialised as in RT-1, so that it starts as the identity. Spatial
    softmax: Levine et al. 2016 (arXiv 1504.00702). The keypoints of every camera and observation step, the state and
    the instruction go through a two-layer MLP to one "readout" token. Keypoints of an invalid image are zero.

    With `state_conditions` the state conditions FiLM beside the instruction: what matters in an image depends on where
    the hand is and on whether it holds something.
    """

    tag: ClassVar[str] = "film-cnn"
    text: TextEncoderConfig = field(default_factory=PooledText)
    state_conditions: bool = False
    """The state conditions the image features, as the instruction does."""
    channels: tuple[int, ...] = (32, 48, 64, 64)
    """Channels of the feature maps, from the first to the last, each half as large as the one before."""
    width: int = 512
    """Width of the readout."""

    def build(self, shapes: Shapes) -> "FilmCNNEncoder":
        return FilmCNNEncoder(self, shapes)


class FilmCNNEncoder(Encoder):
    """See `FilmCNN`. All cameras and observation steps share the convolutions."""

    provides = Readout.provides

    def __init__(self, config: FilmCNN, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.cameras = shapes.cameras
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        self.state_conditions = config.state_conditions
        conditioning_width = self.text.width + (self.state.width if config.state_conditions else 0)
        self.blocks = film_blocks(config.channels, conditioning_width)
        num_points = 2 * config.channels[-1] * shapes.num_images
        self.readout = Readout(num_points + self.state.width + self.text.width, config.width)

    def forward(self, batch: Batch) -> Context:
        text, state = self.text(batch), self.state(batch)
        conditioning = torch.cat([text, state], dim=-1) if self.state_conditions else text
        points = [
            zero_invalid(self.keypoints(batch.images[camera], conditioning), batch.image_valid[camera]).flatten(1)
            for camera in self.cameras
        ]
        return self.readout(torch.cat([*points, state, text], dim=-1))

    def keypoints(
        self, images: UInt8[Tensor, "B T C Y X"], conditioning: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B T P"]:
        """The position of each feature in [-1, 1]: x and y of the softmax over each feature map."""
        num_observation_steps = images.shape[1]
        x = images.flatten(0, 1).to(conditioning.dtype) / 127.5 - 1.0
        x = x.contiguous(memory_format=torch.channels_last)
        conditioning = conditioning.repeat_interleave(num_observation_steps, dim=0)
        for block in self.blocks:
            x = block(x, conditioning)
        return spatial_softmax(x).unflatten(0, (-1, num_observation_steps))


def film_blocks(channels: tuple[int, ...], conditioning_width: int) -> nn.ModuleList:
    """Convolutions 5x5/2, 3x3/2, 3x3, 3x3 over an image, each conditioned by a vector of `conditioning_width`."""
    kernels, strides, inputs = (5, 3, 3, 3), (2, 2, 1, 1), (3, *channels[:-1])
    return nn.ModuleList(
        FilmBlock(cin, cout, kernel, stride, conditioning_width)
        for cin, cout, kernel, stride in zip(inputs, channels, kernels, strides, strict=True)
    )


class FilmBlock(nn.Module):
    """Convolution, GroupNorm(8), FiLM (1 + gamma) x + beta from a vector, SiLU."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, conditioning_width: int):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2)
        self.norm = nn.GroupNorm(8, cout)
        self.film = zeroed(nn.Linear(conditioning_width, 2 * cout))

    def forward(self, x: Float[Tensor, "B C Y X"], conditioning: Float[Tensor, "B D"]) -> Float[Tensor, "B C2 Y2 X2"]:
        gamma, beta = self.film(conditioning)[:, :, None, None].chunk(2, dim=1)
        return functional.silu(self.norm(self.conv(x)) * (1 + gamma) + beta)
