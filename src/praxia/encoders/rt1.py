"""RT-1's vision: convolutions conditioned by FiLM, whose feature maps become a few learned tokens per image."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.encoders.film_cnn import film_blocks
from praxia.encoders.layers import StateProjection, context_of, embedded_cells
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["RT1", "RT1Encoder", "TokenLearner"]


@dataclass(frozen=True)
class RT1(EncoderConfig):
    """Convolutions as in `FilmCNN`, then TokenLearner: `num_tokens` tokens per image, and one of the state.

    RT-1 (Brohan et al. 2022, arXiv 2212.06817) with 8 tokens. Deviations: four convolutions in place of
    EfficientNet-B3, a text encoder trained with the policy, and the state, which RT-1 does not see. The group "readout"
    holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "rt1"
    text: TextEncoderConfig = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 48, 64, 128)
    """Channels of the feature maps, from the first to the last, each half as large as the one before."""
    num_tokens: int = 8
    """Learned tokens per image."""

    def build(self, shapes: Shapes) -> "RT1Encoder":
        return RT1Encoder(self, shapes)


class RT1Encoder(Encoder):
    """See `RT1`."""

    provides = frozenset({"readout"})

    def __init__(self, config: RT1, shapes: Shapes):
        super().__init__()
        self.width = config.channels[-1]
        self.cameras = shapes.cameras
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        self.blocks = film_blocks(config.channels, self.text.width)
        self.learner = TokenLearner(self.width, config.num_tokens)
        self.image_embedding = nn.Parameter(torch.randn(shapes.num_images, 1, self.width) * 0.02)
        self.state_in = nn.Linear(self.state.width, self.width)

    def forward(self, batch: Batch) -> Context:
        text = self.text(batch)
        camera_tokens = embedded_cells(
            batch, self.cameras, lambda images: self.tokens(images, text), self.image_embedding
        )
        return context_of(batch, camera_tokens, [self.state_in(self.state(batch))])

    def tokens(self, images: UInt8[Tensor, "B T C Y X"], text: Float[Tensor, "B E"]) -> Float[Tensor, "B T N D"]:
        """The tokens of the image at each observation step."""
        x = images.flatten(0, 1).to(text.dtype) / 127.5 - 1.0
        x = x.contiguous(memory_format=torch.channels_last)
        conditioning = text.repeat_interleave(images.shape[1], dim=0)
        for block in self.blocks:
            x = block(x, conditioning)
        return self.learner(x.flatten(2).mT).unflatten(0, images.shape[:2])


class TokenLearner(nn.Module):
    """`num_tokens` weighted means over all cells; a small MLP computes the weights from each cell's features.

    Ryoo et al. 2021 (arXiv 2106.11297), version 1.1 as in RT-1: LayerNorm, MLP of width 64, softmax over cells.
    """

    def __init__(self, width: int, num_tokens: int):
        super().__init__()
        self.weigh = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 64), nn.GELU(), nn.Linear(64, num_tokens))

    def forward(self, cells: Float[Tensor, "B P D"]) -> Float[Tensor, "B N D"]:
        return self.weigh(cells).softmax(1).mT @ cells
