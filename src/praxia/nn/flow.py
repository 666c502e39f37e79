"""Flow matching on straight paths: t = 0 is noise, t = 1 is data, x_t = (1 - t) noise + t data, v = data - noise.

The steps of a chunk share one time [B], or each has its own [B, H].
Lipman et al. 2023 (arXiv 2210.02747); t runs as in the papers and in GR00T, the reverse of openpi's code.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["beta_times", "euler", "interpolate"]


def beta_times(uniform: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Training times of uniform draws, which favour noisy inputs: 1 - t ~ 0.999 Beta(1.5, 1) + 0.001 (pi0, section IV).

    Beta(1.5, 1) has the distribution function x^1.5, so its inverse of a uniform draw is u^(2/3).
    """
    return 1 - (0.999 * uniform.pow(2 / 3) + 0.001)


def interpolate(
    noise: Float[Tensor, "B *shape"], data: Float[Tensor, "B *shape"], time: Float[Tensor, "B *H"]
) -> tuple[Float[Tensor, "B *shape"], Float[Tensor, "B *shape"]]:
    """The point at `time` on the path from noise to data, and the velocity along it."""
    t = time.reshape(*time.shape, *[1] * (data.dim() - time.dim()))
    return (1 - t) * noise + t * data, data - noise


def euler(
    velocity: Callable[[Float[Tensor, "B H A"], Float[Tensor, " B"]], Float[Tensor, "B H A"]],
    noise: Float[Tensor, "B H A"],
    num_steps: int,
) -> Float[Tensor, "B H A"]:
    """Integrate from noise (t = 0) to data (t = 1) in `num_steps` equal Euler steps."""
    x = noise
    for step in range(num_steps):
        time = torch.full((x.shape[0],), step / num_steps, device=x.device, dtype=x.dtype)
        x = x + velocity(x, time) / num_steps
    return x
