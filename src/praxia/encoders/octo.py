"""Octo's transformer: groups of tokens, an attention mask by group and time, and readouts that no other token sees."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from praxia.core.errors import MismatchError
from praxia.encoders.layers import StateProjection, grid_positions
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["OBSERVATION", "READOUT", "TASK", "Octo", "OctoEncoder", "block_mask"]

TASK, OBSERVATION, READOUT = 0, 1, 2


@dataclass(frozen=True)
class Octo(EncoderConfig):
    """A task token, patches of every camera and observation step, and one readout per step, through one transformer.

    Octo (2024, arXiv 2405.12213). The context is all tokens; its group "readout" is that of the newest step. Published
    size (Small): width 384, depth 12, 6 heads. Deviations: the text is one token trained with the policy in place of
    16 of a frozen T5; patches are cut by one convolution in place of four; the state is a token of the newest step,
    which the published models leave out; no goal images.
    """

    tag: ClassVar[str] = "octo"
    text: TextEncoderConfig = field(default_factory=PooledText)
    width: int = 128
    """Width of the tokens."""
    depth: int = 4
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""
    patch_px: int = 8
    """Width and height of a patch in pixels."""

    def build(self, shapes: Shapes) -> "OctoEncoder":
        return OctoEncoder(self, shapes)


class OctoEncoder(Encoder):
    """See `Octo`. Raises MismatchError where cameras differ in their number of observation steps."""

    provides = frozenset({"readout"})

    def __init__(self, config: Octo, shapes: Shapes):
        super().__init__()
        if not shapes.cameras or shapes.num_images % len(shapes.cameras):
            raise MismatchError(
                f"encoder 'octo' needs as many observation steps of every camera, got {shapes.num_images} images of "
                f"{len(shapes.cameras)} cameras; change the window"
            )
        self.width = config.width
        self.cameras = shapes.cameras
        num_observation_steps = shapes.num_images // len(shapes.cameras)
        self.patches = nn.Conv2d(3, config.width, config.patch_px, config.patch_px)
        self.camera_embedding = nn.Parameter(torch.randn(len(shapes.cameras), 1, config.width) * 0.02)
        self.time_embedding = nn.Parameter(torch.randn(num_observation_steps, 1, config.width) * 0.02)
        self.readout_tokens = nn.Parameter(torch.randn(num_observation_steps, config.width) * 0.02)
        self.text = config.text.build(shapes)
        self.text_in = nn.Linear(self.text.width, config.width)
        self.state = StateProjection(shapes)
        self.state_in = nn.Linear(self.state.width, config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.num_heads, 4 * config.width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.depth, nn.LayerNorm(config.width), enable_nested_tensor=False)

    def forward(self, batch: Batch) -> Context:
        task = self.text_in(self.text(batch))[:, None]
        state = self.state_in(self.state(batch))[:, None]
        num_steps = len(self.time_embedding)
        patches, patches_valid = zip(*(self._patches(batch, step) for step in range(num_steps)), strict=True)
        readouts = self.readout_tokens.expand(len(task), -1, -1)
        tokens = torch.cat([task, *patches, state, readouts], dim=1)
        newest, per_step, device = num_steps - 1, patches[0].shape[1], tokens.device
        observed = [torch.full((per_step,), step, device=device) for step in range(num_steps)]
        before, present = (torch.full((1,), step, device=device) for step in (-1, newest))
        time = torch.cat([before, *observed, present])
        time = torch.cat([time, torch.arange(num_steps, device=device)])
        kind = torch.full_like(time, OBSERVATION)
        kind[0], kind[-num_steps:] = TASK, READOUT
        always = torch.ones(len(tokens), 1, dtype=torch.bool, device=device)
        mask = torch.cat([always, *patches_valid, always.expand(-1, 1 + num_steps)], dim=1)
        tokens = self.layers(tokens, mask=~block_mask(kind, time), src_key_padding_mask=~mask)
        return Context(tokens, mask, {"readout": slice(tokens.shape[1] - 1, tokens.shape[1])})

    def _patches(self, batch: Batch, step: int) -> tuple[Float[Tensor, "B N D"], Bool[Tensor, "B N"]]:
        """The tokens of all cameras at one observation step, and which of them are valid."""
        tokens, valid = [], []
        for camera, name in enumerate(self.cameras):
            x = self.patches(batch.images[name][:, step].to(self.patches.weight.dtype) / 127.5 - 1.0)
            position = grid_positions(x.shape[2], x.shape[3], x.shape[1], x.device).to(x.dtype)
            tokens.append(x.flatten(2).mT + position + self.camera_embedding[camera] + self.time_embedding[step])
            valid.append(batch.image_valid[name][:, step, None].expand(tokens[-1].shape[:2]))
        return torch.cat(tokens, dim=1), torch.cat(valid, dim=1)


def block_mask(kind: Int[Tensor, " N"], time: Int[Tensor, " N"]) -> Bool[Tensor, "N N"]:
    """Whether token i (row) attends to token j (column).

    Every token attends to the task. Observations and readouts attend to observations of no later time; the task does
    not. Only a readout itself attends to it. The time of task tokens does not matter.
    """
    of_task = kind[None, :] == TASK
    of_past = (kind[None, :] == OBSERVATION) & (kind[:, None] != TASK) & (time[None, :] <= time[:, None])
    return of_task | of_past | torch.eye(len(kind), dtype=torch.bool, device=kind.device)
