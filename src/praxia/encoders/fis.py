"""One network for two systems: its first layers think now and then, its last layers act at every step (FiS-VLA)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.intent import AGE_WIDTH, embedded_age, expect_intent
from praxia.encoders.layers import StateProjection, grid_positions
from praxia.encoders.text import TextEncoderConfig, TransformerText
from praxia.nn.layers import token_mask, zero_invalid
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["FiS", "FiSEncoder"]


@dataclass(frozen=True)
class FiS(EncoderConfig):
    """`depth` transformer layers, of which the last `fast_depth` are the fast part.

    FiS-VLA (arXiv 2506.01953): the hidden states that the first layers make of an older observation and the instruction
    are the intent; the last layers see them beside the newest observation. Deviations: a small network that is trained
    from scratch, in place of layers 31 and 32 of a language model; the newest observation attends to the hidden states
    by cross-attention, so that these need not be processed again; it has larger patches, and an embedding of its own;
    no loss of the slow part's own.

    Raises:
        PraxiaError: a fast part of no layer, or of all.
    """

    tag: ClassVar[str] = "fis"
    text: TextEncoderConfig = field(default_factory=TransformerText)
    width: int = 128
    """Width of the tokens."""
    depth: int = 9
    """Number of layers of the whole network."""
    fast_depth: int = 1
    """Number of its last layers that see the newest observation."""
    num_heads: int = 4
    """Number of attention heads."""
    patch_px: int = 8
    """Width and height of the slow part's patches in pixels."""
    fast_patch_px: int = 16
    """Width and height of the fast part's patches in pixels."""

    def __post_init__(self) -> None:
        if not 1 <= self.fast_depth < self.depth:
            raise PraxiaError(
                f"encoder 'fis' expects 1 to {self.depth - 1} fast ones of {self.depth} layers, got {self.fast_depth}"
            )

    def build(self, shapes: Shapes) -> "FiSEncoder":
        return FiSEncoder(self, shapes)


class FiSEncoder(Encoder):
    """See `FiS`. The fast part of two systems that writes its own intents (`policies.two_systems.WritesIntents`).

    An intent has the hidden states of all patches, the instruction and the state; those of invalid images are zero.
    """

    provides = frozenset({"readout"})

    def __init__(self, config: FiS, shapes: Shapes):
        super().__init__()
        self.width = width = config.width
        self.cameras = shapes.cameras
        self.slow_patches = nn.Conv2d(3, width, config.patch_px, config.patch_px)
        self.fast_patches = nn.Conv2d(3, width, config.fast_patch_px, config.fast_patch_px)
        self.camera_embedding = nn.Parameter(torch.randn(len(shapes.cameras), width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, width)
        self.age_in = nn.Linear(AGE_WIDTH, width)
        self.readout_token = nn.Parameter(torch.randn(width) * 0.02)
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        first = nn.TransformerEncoderLayer(width, config.num_heads, 4 * width, **options)
        last = nn.TransformerDecoderLayer(width, config.num_heads, 4 * width, **options)
        self.slow = nn.TransformerEncoder(
            first, config.depth - config.fast_depth, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.fast = nn.TransformerDecoder(last, config.fast_depth, nn.LayerNorm(width))

    def think(self, batch: Batch) -> Float[Tensor, "B N D"]:
        """The hidden states after the first layers: patches of each camera, instruction, state."""
        cameras = self._cells(batch, self.slow_patches)
        others = torch.stack([self.text_in(self.text(batch)), self.state_in(self.state(batch))], dim=1)
        valid = token_mask(batch, cameras, num_other=2)
        hidden = self.slow(torch.cat([*cameras.values(), others], dim=1), src_key_padding_mask=~valid)
        return zero_invalid(hidden, valid)

    def forward(self, batch: Batch) -> Context:
        """The newest observation beside the intent; the group "readout" is one token."""
        memory = expect_intent(batch)
        if memory.shape[-1] != self.width:
            raise MismatchError(f"expected intents of width {self.width}, got {memory.shape[-1]}")
        memory = memory + self.age_in(embedded_age(batch).to(memory.dtype))[:, None]
        cameras = self._cells(batch, self.fast_patches)
        state = self.state_in(self.state(batch))[:, None]
        readout = self.readout_token.to(state.dtype).expand(len(state), 1, -1)
        valid = token_mask(batch, cameras, num_other=2)
        tokens = torch.cat([*cameras.values(), state, readout], dim=1)
        tokens = self.fast(tokens, memory, tgt_key_padding_mask=~valid)
        return Context(tokens, valid, {"readout": slice(tokens.shape[1] - 1, tokens.shape[1])})

    def _cells(self, batch: Batch, patches: nn.Conv2d) -> Mapping[str, Float[Tensor, "B _ D"]]:
        """The patches of each camera's image, with their positions and the camera's embedding."""

        def of(name: str) -> Float[Tensor, "B N D"]:
            x = patches(batch.images[name].flatten(0, 1).to(patches.weight.dtype) / 127.5 - 1.0)
            rows, columns = x.shape[2:]
            positions = grid_positions(rows, columns, self.width, x.device).to(x.dtype)
            return (x.flatten(2).mT + positions).unflatten(0, (len(batch.state), -1)).flatten(1, 2)

        return {name: of(name) + self.camera_embedding[at] for at, name in enumerate(self.cameras)}
