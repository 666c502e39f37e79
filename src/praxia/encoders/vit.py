"""A small vision transformer, and an encoder of its tokens."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.encoders.layers import StateProjection, context_of, grid_positions
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["PatchTransformer", "ViT", "ViTEncoder"]


class PatchTransformer(nn.Module):
    """Square patches with fixed positions through pre-norm transformer layers: one token per patch.

    Dosovitskiy et al. 2021 (arXiv 2010.11929). Positions are sines and cosines of the patch's row and column, so that
    images may have any size that is a multiple of the patch size.
    """

    def __init__(self, width: int, depth: int, num_heads: int, patch_px: int):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch_px, patch_px)
        layer = nn.TransformerEncoderLayer(
            width, num_heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B N D"]:
        """The tokens of all observation steps, step by step."""
        x = images.flatten(0, 1).to(self.patches.weight.dtype) / 127.5 - 1.0
        x = self.patches(x)
        rows, columns = x.shape[2:]
        tokens = x.flatten(2).mT + grid_positions(rows, columns, x.shape[1], x.device).to(x.dtype)
        return self.layers(tokens).unflatten(0, images.shape[:2]).flatten(1, 2)


@dataclass(frozen=True)
class ViT(EncoderConfig):
    """All cameras and observation steps through one vision transformer; a text and a state token complete the context.

    The group "readout" holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "vit"
    text: TextEncoderConfig = field(default_factory=PooledText)
    width: int = 128
    """Width of the tokens."""
    depth: int = 4
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""
    patch_px: int = 8
    """Width and height of a patch in pixels."""

    def build(self, shapes: Shapes) -> "ViTEncoder":
        return ViTEncoder(self, shapes)


class ViTEncoder(Encoder):
    """See `ViT`."""

    provides = frozenset({"readout"})

    def __init__(self, config: ViT, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.cameras = shapes.cameras
        self.vision = PatchTransformer(config.width, config.depth, config.num_heads, config.patch_px)
        self.camera_embedding = nn.Parameter(torch.randn(len(shapes.cameras), config.width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, config.width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, config.width)

    def forward(self, batch: Batch) -> Context:
        camera_tokens = {
            name: self.vision(batch.images[name]) + self.camera_embedding[at] for at, name in enumerate(self.cameras)
        }
        return context_of(batch, camera_tokens, [self.text_in(self.text(batch)), self.state_in(self.state(batch))])
