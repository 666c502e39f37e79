"""The next latents from those of some frames and the actions that follow each."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from praxia.nn.stack import AttentionConfig, Stack

__all__ = ["Predictor"]


class Predictor(nn.Module):
    """A transformer that is causal over frames and sees all tokens of a frame; a frame's actions modulate its norms.

    AdaLN-zero (Peebles and Xie 2023, arXiv 2212.09748) on the layers of `nn.stack`, which have rotary positions. It
    begins as the identity up to the last norm.
    """

    def __init__(self, width: int, attention: AttentionConfig, num_action: int):
        super().__init__()
        self.action_in = nn.Sequential(nn.Linear(num_action, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.stack = Stack(width, 4 * width, attention, condition_width=width)

    def forward(
        self, latents: Float[Tensor, "B T N D"], valid: Bool[Tensor, "B T"], blocks: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T N D"]:
        """The latents that follow each frame. Frames that are not valid are not attended to."""
        num_frames, num_tokens = latents.shape[1:3]
        frame = torch.arange(num_frames, device=latents.device).repeat_interleave(num_tokens)
        condition = self.action_in(blocks)[:, frame]
        found, _ = self.stack(latents.flatten(1, 2), valid[:, frame], frame, condition=condition)
        return found.unflatten(1, (num_frames, num_tokens))
