"""Octo's transformer: groups of tokens, a mask by group and moment, and readouts that nobody sees."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.core.errors import MismatchError
from praxia.encoders.language import PooledText
from praxia.encoders.state_projection import StateProjection
from praxia.encoders.vit import grid_positions
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["OBSERVATION", "READOUT", "TASK", "Octo", "OctoEncoder", "block_mask"]

TASK, OBSERVATION, READOUT = 0, 1, 2


@dataclass(frozen=True)
class Octo(Config):
    """A task token, patches of every camera and moment, and one readout a moment, through one transformer.

    Octo (2024, arXiv 2405.12213). The context is all tokens; its group "readout" is the newest moment's. Published
    size (Small): width 384, depth 12, 6 heads. Deviations: the text is one token learned with the policy in place of
    16 of a frozen T5; patches are cut by one convolution in place of four; the state is a token of the newest moment,
    which the published models leave out; no goal images.
    """

    tag: ClassVar[str] = "octo"
    text: Config = field(default_factory=PooledText)
    width: int = 128
    depth: int = 4
    num_heads: int = 4
    patch_px: int = 8

    def build(self, shapes: Shapes) -> "OctoEncoder":
        return OctoEncoder(self, shapes)


class OctoEncoder(nn.Module):
    """See `Octo`. Raises MismatchError where cameras have other numbers of moments."""

    gives = frozenset({"readout"})

    def __init__(self, config: Octo, shapes: Shapes):
        super().__init__()
        if not shapes.cameras or shapes.num_images % len(shapes.cameras):
            raise MismatchError(
                f"encoder 'octo' needs as many moments of every camera, got {shapes.num_images} images of "
                f"{len(shapes.cameras)} cameras; change the window"
            )
        self.width = config.width
        self.cameras = shapes.cameras
        num_observation_steps = shapes.num_images // len(shapes.cameras)
        self.patches = nn.Conv2d(3, config.width, config.patch_px, config.patch_px)
        self.camera = nn.Parameter(torch.randn(len(shapes.cameras), 1, config.width) * 0.02)
        self.moment = nn.Parameter(torch.randn(num_observation_steps, 1, config.width) * 0.02)
        self.ask = nn.Parameter(torch.randn(num_observation_steps, config.width) * 0.02)
        self.text = config.text.build(shapes)  # pyright: ignore[reportAttributeAccessIssue]
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
        observation_steps, counts = zip(*(self._patches(batch, at) for at in range(len(self.moment))), strict=True)
        ask = self.ask.expand(len(task), -1, -1)
        tokens = torch.cat([task, *observation_steps, state, ask], dim=1)
        newest, per_moment = len(observation_steps) - 1, observation_steps[0].shape[1]
        device = tokens.device
        observed = [torch.full((per_moment,), at, device=device) for at in range(len(observation_steps))]
        time = torch.cat([torch.tensor([-1], device=device), *observed, torch.tensor([newest], device=device)])
        time = torch.cat([time, torch.arange(len(observation_steps), device=device)])
        kind = torch.full_like(time, OBSERVATION)
        kind[0], kind[-len(observation_steps) :] = TASK, READOUT
        always = torch.ones(len(tokens), 1, dtype=torch.bool, device=device)
        mask = torch.cat([always, *counts, always.expand(-1, 1 + len(observation_steps))], dim=1)
        tokens = self.layers(tokens, mask=~block_mask(kind, time), src_key_padding_mask=~mask)
        return Context(tokens, mask, {"readout": slice(tokens.shape[1] - 1, tokens.shape[1])})

    def _patches(self, batch: Batch, at: int) -> tuple[Float[Tensor, "B N D"], Bool[Tensor, "B N"]]:
        """The tokens of all cameras at one moment, and which of them count."""
        found, counts = [], []
        for camera, name in enumerate(self.cameras):
            x = self.patches(batch.images[name][:, at].to(self.patches.weight.dtype) / 127.5 - 1.0)
            place = grid_positions(x.shape[2], x.shape[3], x.shape[1], x.device).to(x.dtype)
            found.append(x.flatten(2).mT + place + self.camera[camera] + self.moment[at])
            counts.append(batch.image_valid[name][:, at, None].expand(found[-1].shape[:2]))
        return torch.cat(found, dim=1), torch.cat(counts, dim=1)


def block_mask(kind: Int[Tensor, " N"], time: Int[Tensor, " N"]) -> Bool[Tensor, "N N"]:
    """Whether token i (row) sees token j: the task always; observations of no later moment, but not the task them.

    A readout is seen by itself alone. Tokens of the task have whatever time.
    """
    of_task = kind[None, :] == TASK
    of_past = (kind[None, :] == OBSERVATION) & (kind[:, None] != TASK) & (time[None, :] <= time[:, None])
    return of_task | of_past | torch.eye(len(kind), dtype=torch.bool, device=kind.device)
