"""What several encoders share: the projection of the state, fixed positions, keypoints, and how a context is made."""

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.nn.embodiment_linear import EmbodimentLinear, dim_masks, mask_dims
from praxia.nn.layers import token_mask, zero_invalid
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Readout", "StateProjection", "context_of", "embedded_cells", "grid_positions", "linear", "spatial_softmax"]

PROJECTED_WIDTH = 64


class StateProjection(nn.Module):
    """All states of a row's window as one vector of `width` features.

    With one embodiment this is the states themselves, with several a projection per embodiment. The dims that a row's
    embodiment lacks, and states that are not valid, are set to zero, whatever is in them.
    """

    state_mask: Tensor

    def __init__(self, shapes: Shapes):
        super().__init__()
        num_features = shapes.state_dim * shapes.num_states
        several = shapes.num_embodiments > 1
        self.width = PROJECTED_WIDTH if several else num_features
        self.project = EmbodimentLinear(shapes.num_embodiments, num_features, PROJECTED_WIDTH) if several else None
        self.register_buffer("state_mask", dim_masks(shapes.state_dims), persistent=False)

    def forward(self, batch: Batch) -> Float[Tensor, "B F"]:
        state = zero_invalid(batch.state, batch.state_valid)
        if self.project is None:
            return state.flatten(1)
        state = mask_dims(state, self.state_mask, batch.embodiment)
        return self.project(state.flatten(1), batch.embodiment)


def linear(num_in: int, num_out: int) -> nn.Linear:
    """A linear layer. Of no numbers, such as no state, it is a constant: torch warns about that, needlessly."""
    with warnings.catch_warnings():
        if not num_in:
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return nn.Linear(num_in, num_out)


class Readout(nn.Module):
    """A two-layer MLP from all features of a row to a Context of one token, the group "readout"."""

    provides = frozenset({"readout"})

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


def embedded_cells(
    batch: Batch,
    cameras: Sequence[str],
    cells: Callable[[Tensor], Float[Tensor, "B T N D"]],
    image_embedding: Float[Tensor, "I 1 D"],
) -> dict[str, Float[Tensor, "B M D"]]:
    """The `cells` of each camera's images, each with the embedding of its image, step by step."""
    embeddings = image_embedding.split([batch.images[name].shape[1] for name in cameras])
    return {
        name: (cells(batch.images[name]) + embedding).flatten(1, 2)
        for name, embedding in zip(cameras, embeddings, strict=True)
    }


def context_of(
    batch: Batch,
    camera_tokens: Mapping[str, Float[Tensor, "B _ D"]],
    other: Sequence[Float[Tensor, "B D"]],
    positions: Float[Tensor, "N D"] | None = None,
) -> Context:
    """The tokens of each camera's images, valid as those are, and the `other` tokens; the group "readout" is all."""
    tokens = torch.cat([*camera_tokens.values(), torch.stack([*other], dim=1)], dim=1)
    mask = token_mask(batch, camera_tokens, num_other=len(other))
    return Context(tokens, mask, {"readout": slice(0, tokens.shape[1])}, positions=positions)


def grid_positions(rows: int, columns: int, width: int, device: torch.device) -> Float[Tensor, "N D"]:
    """Sines and cosines of the row in one half of the width and of the column in the other (He et al. 2022, MAE)."""
    speed = 10_000.0 ** -(torch.arange(width // 4, device=device, dtype=torch.float32) / (width // 4))

    def waves(num: int) -> Float[Tensor, "M E"]:
        angle = torch.arange(num, device=device, dtype=torch.float32)[:, None] * speed
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    row = waves(rows)[:, None].expand(-1, columns, -1)
    column = waves(columns)[None].expand(rows, -1, -1)
    return torch.cat([row, column], dim=-1).flatten(0, 1)


def spatial_softmax(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B P"]:
    """The expected position of each channel's softmax: P = 2 C numbers in [-1, 1], all x, then all y."""
    height, width = x.shape[2:]
    weight = x.flatten(2).softmax(-1).unflatten(-1, (height, width))
    xs = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)
    ys = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)
    return torch.cat([weight.sum(2) @ xs, weight.sum(3) @ ys], dim=-1)
