"""What a head that samples from noise asks of its network."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from praxia.nn.types import Context

__all__ = ["Denoiser", "repeat_rows"]


@runtime_checkable
class Denoiser(Protocol):
    """(noisy chunk, time, observation) -> a chunk: a velocity, or noise. Zero with fresh weights.

    Dims of `x` that a row's body does not have are zero; what comes out in them must not matter to the caller.
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


def repeat_rows(values: tuple[Tensor, ...], num: int) -> tuple[Tensor, ...]:
    """Each tensor `num` times below itself."""
    return tuple(value.repeat(num, *[1] * (value.dim() - 1)) for value in values)
