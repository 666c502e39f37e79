"""A small vision transformer, and an encoder of its tokens."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.encoders.language import PooledText
from praxia.encoders.state_projection import StateProjection
from praxia.nn.masking import valid_tokens
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["PatchTransformer", "ViT", "ViTEncoder", "grid_positions"]


class PatchTransformer(nn.Module):
    """Square patches with fixed positions through pre-norm transformer layers: one token a patch.

    Dosovitskiy et al. 2021 (arXiv 2010.11929). Positions are sines and cosines of the patch's row and column, so that
    images may have any size that patches fill.
    """

    def __init__(self, width: int, depth: int, num_heads: int, patch_px: int):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch_px, patch_px)
        layer = nn.TransformerEncoderLayer(
            width, num_heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, images: UInt8[Tensor, "B T C Y X"]) -> Float[Tensor, "B N D"]:
        """The tokens of all moments, moment after moment."""
        x = images.flatten(0, 1).to(self.patches.weight.dtype) / 127.5 - 1.0
        x = self.patches(x)
        rows, columns = x.shape[2:]
        tokens = x.flatten(2).mT + grid_positions(rows, columns, x.shape[1], x.device).to(x.dtype)
        return self.layers(tokens).unflatten(0, images.shape[:2]).flatten(1, 2)


def grid_positions(rows: int, columns: int, width: int, device: torch.device) -> Float[Tensor, "N D"]:
    """Sines and cosines of the row in one half of the width and of the column in the other (He et al. 2022, MAE)."""
    speed = 10_000.0 ** -(torch.arange(width // 4, device=device, dtype=torch.float32) / (width // 4))

    def waves(num: int) -> Float[Tensor, "M E"]:
        angle = torch.arange(num, device=device, dtype=torch.float32)[:, None] * speed
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    row = waves(rows)[:, None].expand(-1, columns, -1)
    column = waves(columns)[None].expand(rows, -1, -1)
    return torch.cat([row, column], dim=-1).flatten(0, 1)


@dataclass(frozen=True)
class ViT(Config):
    """All cameras and moments through one vision transformer; with a text and a state token they are the context.

    The group "readout" holds all tokens, so that a head that takes one vector gets their mean.
    """

    tag: ClassVar[str] = "vit"
    text: Config = field(default_factory=PooledText)
    width: int = 128
    depth: int = 4
    num_heads: int = 4
    patch_px: int = 8

    def build(self, shapes: Shapes) -> "ViTEncoder":
        return ViTEncoder(self, shapes)


class ViTEncoder(nn.Module):
    """See `ViT`."""

    gives = frozenset({"readout"})

    def __init__(self, config: ViT, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.cameras = shapes.cameras
        self.vision = PatchTransformer(config.width, config.depth, config.num_heads, config.patch_px)
        self.camera = nn.Parameter(torch.randn(len(shapes.cameras), config.width) * 0.02)
        self.text = config.text.build(shapes)  # pyright: ignore[reportAttributeAccessIssue]
        self.text_in = nn.Linear(self.text.width, config.width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, config.width)

    def forward(self, batch: Batch) -> Context:
        seen = {name: self.vision(batch.images[name]) + self.camera[at] for at, name in enumerate(self.cameras)}
        others = torch.stack([self.text_in(self.text(batch)), self.state_in(self.state(batch))], dim=1)
        tokens = torch.cat([*seen.values(), others], dim=1)
        return Context(tokens, valid_tokens(batch, seen, num_others=2), {"readout": slice(0, tokens.shape[1])})
