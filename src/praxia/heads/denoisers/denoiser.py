"""The interface between heads that sample from noise and their networks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.layers import masked_actions
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Denoiser", "DenoiserConfig", "repeated_rows"]


class Denoiser(nn.Module, ABC):
    """(noisy chunk, time, observation) -> a chunk: a velocity, or noise. Zero with fresh weights.

    `x` is zero in the dims that a row's embodiment lacks; the output has no meaning there. The steps of the chunk share
    one time, or each has its own: equal times of all steps are the shared one. `requires` names what the context must
    have, as `Head.requires`.
    """

    requires: frozenset[str]

    @abstractmethod
    def condition(self, context: Context) -> tuple[Tensor, ...]:
        """What the network uses of the context, batch first: computed once per observation, not once per step."""

    @abstractmethod
    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]: ...


@dataclass(frozen=True)
class DenoiserConfig(Config, ABC):
    """The config of a denoiser."""

    @abstractmethod
    def build(self, shapes: Shapes, context_width: int) -> Denoiser:
        """The denoiser with fresh weights, for contexts whose tokens have `context_width` features."""


def repeated_rows(
    denoiser: Denoiser, context: Context, batch: Batch, action_mask: Bool[Tensor, "E A"], repeats: int
) -> tuple[Float[Tensor, "R H A"], Bool[Tensor, "R H A"], Int[Tensor, " R"], tuple[Tensor, ...]]:
    """A batch repeated for a loss over `repeats` noise draws per row: R = repeats * B rows.

    Returns the actions, zero in the dims that a row's embodiment lacks; the mask of their entries in the loss; the
    embodiments; and the denoiser's condition, which is computed once per row.
    """
    action, loss_mask, embodiment = _repeat((*masked_actions(batch, action_mask), batch.embodiment), repeats)
    return action, loss_mask, embodiment, _repeat(denoiser.condition(context), repeats)


def _repeat(values: tuple[Tensor, ...], num: int) -> tuple[Tensor, ...]:
    """Each tensor repeated `num` times along its first axis."""
    return tuple(value.repeat(num, *[1] * (value.dim() - 1)) for value in values)
