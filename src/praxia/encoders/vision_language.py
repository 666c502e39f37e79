"""A vision-language transformer in PaliGemma's layout, small enough to be trained from nothing."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from praxia.core.config import Config
from praxia.encoders.state_projection import StateProjection
from praxia.encoders.vit import PatchTransformer
from praxia.nn.masking import valid_tokens
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["VisionLanguage", "VisionLanguageEncoder"]


@dataclass(frozen=True)
class VisionLanguage(Config):
    """Patches of every camera, the instruction's tokens and the state as one prefix that Gemma's layers read.

    PaliGemma (arXiv 2407.07726) as pi0 uses it: image tokens, then text, all seeing each other; text embeddings are
    scaled by the square root of the width. The context's stream holds the keys and values of every layer, to which an
    action expert attends. Deviations: a small vision transformer with fixed positions in place of SigLIP So400m/14;
    the state is a token of the prefix, where pi0 has it in the suffix; a readout token, which no other of the prefix
    sees, ends it for heads that take one vector.
    """

    tag: ClassVar[str] = "vision-language"
    width: int = 128
    mlp_width: int = 512
    depth: int = 4
    num_heads: int = 4
    num_kv_heads: int = 1
    head_width: int = 32
    vision_depth: int = 2
    patch_px: int = 8

    @property
    def heads(self) -> AttentionConfig:
        """What an action expert must share."""
        return AttentionConfig(self.depth, self.num_heads, self.num_kv_heads, self.head_width)

    def build(self, shapes: Shapes) -> "VisionLanguageEncoder":
        return VisionLanguageEncoder(self, shapes)


class VisionLanguageEncoder(nn.Module):
    """See `VisionLanguage`."""

    def __init__(self, config: VisionLanguage, shapes: Shapes):
        super().__init__()
        self.width = width = config.width
        self.gives = frozenset({"readout", config.heads.stream})
        self.cameras = shapes.cameras
        self.vision = PatchTransformer(width, config.vision_depth, config.num_heads, config.patch_px)
        self.vision_out = nn.Linear(width, width)
        self.words = nn.Embedding(shapes.vocabulary, width)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, width)
        self.ask = nn.Parameter(torch.randn(width) * 0.02)
        self.stack = Stack(width, config.mlp_width, config.heads)

    def forward(self, batch: Batch) -> Context:
        seen = {name: self.vision_out(self.vision(batch.images[name])) for name in self.cameras}
        words = self.words(batch.text) * self.width**0.5
        state = self.state_in(self.state(batch))[:, None]
        ask = self.ask.expand(len(state), 1, -1)
        tokens = torch.cat([*seen.values(), words, state, ask], dim=1)
        images = valid_tokens(batch, seen, num_others=0)
        valid = torch.cat([images, batch.text_valid, images.new_ones(len(images), 2)], dim=1)
        blocks = torch.zeros(tokens.shape[1], dtype=torch.int64, device=tokens.device)
        blocks[-1] = 1
        tokens, stream = self.stack(tokens, valid, blocks)
        return Context(tokens, valid, {"readout": slice(tokens.shape[1] - 1, tokens.shape[1])}, stream)
