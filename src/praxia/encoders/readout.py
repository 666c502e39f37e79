"""The end that encoders of one readout token share."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.nn.types import Context

__all__ = ["Readout"]


class Readout(nn.Module):
    """A two-layer MLP from all features of a row to a Context of one token, the group "readout"."""

    gives = frozenset({"readout"})

    def __init__(self, num_features: int, width: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(num_features, width),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.LayerNorm(width),
            nn.SiLU(),
        )

    def forward(self, features: Float[Tensor, "B F"]) -> Context:
        token = self.mlp(features)[:, None]
        mask = torch.ones(token.shape[:2], dtype=torch.bool, device=token.device)
        return Context(token, mask, {"readout": slice(0, 1)})
