"""A joint model as its roles see it: a network over actions and later frames, each of which is given, wanted or absent.

Axes: B rows, H actions, A action dims, K later frames, N tokens of a frame, D width of a latent, M present frames (the
predicted camera's first, then those of the window's other cameras).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.nn.types import Batch, Shapes

__all__ = ["ACTION", "FUTURE", "JointModel"]

# The modalities: a chunk of normalised actions [B, H, A], and the latents of later frames [B, K, N, D].
ACTION, FUTURE = "action", "future"


class JointModel(nn.Module, ABC):
    """A model of actions and of what follows them. Satisfies `Trainable`.

    `shapes` are those that it was built for, `latent_width` is D, and `stride` is the control steps between frames.
    """

    shapes: Shapes
    latent_width: int
    stride: int

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """See `Trainable.loss`. Rows without valid actions train the frames alone."""

    @abstractmethod
    def num_valid(self, batch: Batch) -> Int[Tensor, "*M"]:
        """See `nn.types.WeighsShares`."""

    @abstractmethod
    def present(self, batch: Batch) -> Float[Tensor, "B M N D"]:
        """The latents of the present frames; zero where one is not valid."""

    @abstractmethod
    def future(self, batch: Batch) -> Float[Tensor, "B K N D"]:
        """The latents of the later frames of a window with targets; zero where one is not valid."""

    @abstractmethod
    def sample(
        self, present: Float[Tensor, "B M N D"], given: Mapping[str, Tensor], want: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What is wanted, given the rest, by modality; one that is neither given nor wanted is absent.

        `want` has standard normal noise in the shape of each modality that is wanted; the sample is a deterministic
        function of it.

        Raises:
            UnknownName: another modality. MismatchError: nothing is wanted, or something both given and wanted.
        """
