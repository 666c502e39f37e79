"""Proprioception of whichever body -> features of one width."""

from jaxtyping import Float
from torch import Tensor, nn

from praxia.nn.embodied import BodyLinear, keep_own, own_dims
from praxia.nn.masking import keep_valid
from praxia.nn.types import Batch, Shapes

__all__ = ["BodyState"]

WIDTH = 64


class BodyState(nn.Module):
    """All state moments of a row as one vector: of one body as they are, of several through a projection a body.

    Dims that a row's body does not have, and moments that are not valid, are set to zero, whatever is in them.
    """

    own: Tensor

    def __init__(self, shapes: Shapes):
        super().__init__()
        num_features = shapes.state_dim * shapes.num_states
        several = len(shapes.bodies) > 1
        self.width = WIDTH if several else num_features
        self.project = BodyLinear(len(shapes.bodies), num_features, WIDTH) if several else None
        self.register_buffer("own", own_dims([state for state, _ in shapes.bodies]), persistent=False)

    def forward(self, batch: Batch) -> Float[Tensor, "B F"]:
        state = keep_valid(batch.state, batch.state_valid)
        if self.project is None:
            return state.flatten(1)
        state = keep_own(state, self.own, batch.embodiment)
        return self.project(state.flatten(1), batch.embodiment)
