"""Proprioception of whichever embodiment -> features of one width."""

from jaxtyping import Float
from torch import Tensor, nn

from praxia.nn.embodiment_linear import EmbodimentLinear, dim_masks, mask_dims
from praxia.nn.masking import keep_valid
from praxia.nn.types import Batch, Shapes

__all__ = ["StateProjection"]

WIDTH = 64


class StateProjection(nn.Module):
    """All state moments of a row as one vector: of one embodiment as they are, of several through a projection an embodiment.

    Dims that a row's embodiment does not have, and moments that are not valid, are set to zero, whatever is in them.
    """

    own: Tensor

    def __init__(self, shapes: Shapes):
        super().__init__()
        num_features = shapes.state_dim * shapes.num_states
        several = len(shapes.embodiments) > 1
        self.width = WIDTH if several else num_features
        self.project = EmbodimentLinear(len(shapes.embodiments), num_features, WIDTH) if several else None
        self.register_buffer("own", dim_masks([state for state, _ in shapes.embodiments]), persistent=False)

    def forward(self, batch: Batch) -> Float[Tensor, "B F"]:
        state = keep_valid(batch.state, batch.state_valid)
        if self.project is None:
            return state.flatten(1)
        state = mask_dims(state, self.own, batch.embodiment)
        return self.project(state.flatten(1), batch.embodiment)
