"""What a head that samples from noise asks of its network."""

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from praxia.nn.masking import masked_actions
from praxia.nn.types import Batch, Context

__all__ = ["Denoiser", "repeated_rows"]


@runtime_checkable
class Denoiser(Protocol):
    """(noisy chunk, time, observation) -> a chunk: a velocity, or noise. Zero with fresh weights.

    Dims of `x` that a row's embodiment does not have are zero; what comes out in them must not matter to the caller.
    """

    needs: frozenset[str]

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        """What of the context it uses, batch first: computed once an observation, whatever the number of steps."""
        ...

    def __call__(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]: ...


def repeated_rows(
    denoiser: Denoiser, context: Context, batch: Batch, own: Bool[Tensor, "E A"], repeats: int
) -> tuple[Float[Tensor, "R H A"], Bool[Tensor, "R H A"], Int[Tensor, " R"], tuple[Tensor, ...]]:
    """What a loss over `repeats` noise draws a row needs, R = repeats * B rows: the whole batch, again and again.

    The actions, zero in dims that a row's embodiment does not have; which of their entries count; the embodiments; and the
    denoiser's condition, which is computed once a row.
    """
    action, counts, embodiment = _repeat((*masked_actions(batch, own), batch.embodiment), repeats)
    return action, counts, embodiment, _repeat(denoiser.condition(context), repeats)


def _repeat(values: tuple[Tensor, ...], num: int) -> tuple[Tensor, ...]:
    """Each tensor `num` times below itself."""
    return tuple(value.repeat(num, *[1] * (value.dim() - 1)) for value in values)
