"""A vision-language transformer in PaliGemma's layout, small enough to be trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from praxia.encoders.layers import StateProjection
from praxia.encoders.vit import PatchTransformer
from praxia.nn.layers import token_mask
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["VisionLanguage", "VisionLanguageEncoder"]


@dataclass(frozen=True)
class VisionLanguage(EncoderConfig):
    """Patches of every camera, the instruction's tokens and the state as one prefix through Gemma's layers.

    PaliGemma (arXiv 2407.07726) as pi0 uses it: image tokens, then text, all attending to each other; text embeddings
    are scaled by the square root of the width. The context has the keys and values of every layer, to which an action
    expert attends. Deviations: a small vision transformer with fixed positions in place of SigLIP So400m/14; the state
    is a token of the prefix, where pi0 has it in the suffix; the prefix ends with a readout token, to which no other
    token attends, for heads that take one vector.
    """

    tag: ClassVar[str] = "vision-language"
    width: int = 128
    """Width of the tokens."""
    mlp_width: int = 512
    """Width within the MLPs."""
    depth: int = 4
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""
    num_kv_heads: int = 1
    """Number of heads of keys and values."""
    head_width: int = 32
    """Width of an attention head."""
    vision_depth: int = 2
    """Layers over the patches of each image."""
    patch_px: int = 8
    """Width and height of a patch in pixels."""

    @property
    def attention(self) -> AttentionConfig:
        """The attention config that an action expert must share."""
        return AttentionConfig(self.depth, self.num_heads, self.num_kv_heads, self.head_width)

    def build(self, shapes: Shapes) -> "VisionLanguageEncoder":
        return VisionLanguageEncoder(self, shapes)


class VisionLanguageEncoder(Encoder):
    """See `VisionLanguage`."""

    def __init__(self, config: VisionLanguage, shapes: Shapes):
        super().__init__()
        self.width = width = config.width
        self.provides = frozenset({"readout", config.attention.kv_cache})
        self.cameras = shapes.cameras
        self.vision = PatchTransformer(width, config.vision_depth, config.num_heads, config.patch_px)
        self.vision_out = nn.Linear(width, width)
        self.token_embedding = nn.Embedding(shapes.vocab_size, width)
        nn.init.normal_(self.token_embedding.weight, std=width**-0.5)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, width)
        self.readout_token = nn.Parameter(torch.randn(width) * 0.02)
        self.stack = Stack(width, config.mlp_width, config.attention)

    def forward(self, batch: Batch) -> Context:
        camera_tokens = {name: self.vision_out(self.vision(batch.images[name])) for name in self.cameras}
        text = self.token_embedding(batch.text) * self.width**0.5
        state = self.state_in(self.state(batch))[:, None]
        readout = self.readout_token.expand(len(state), 1, -1)
        tokens = torch.cat([*camera_tokens.values(), text, state, readout], dim=1)
        image_mask = token_mask(batch, camera_tokens, num_other=0)
        valid = torch.cat([image_mask, batch.text_valid, image_mask.new_ones(len(image_mask), 2)], dim=1)
        blocks = torch.zeros(tokens.shape[1], dtype=torch.int64, device=tokens.device)
        blocks[-1] = 1
        tokens, kv_cache = self.stack(tokens, valid, blocks)
        return Context(tokens, valid, {"readout": slice(tokens.shape[1] - 1, tokens.shape[1])}, kv_cache)
