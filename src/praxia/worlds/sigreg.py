"""SIGReg: how far latents are from an isotropic Gaussian, as a loss that keeps them from collapsing."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["sigreg"]

# The characteristic function is compared at NUM_KNOTS points of [0, LIMIT].
NUM_KNOTS, LIMIT = 17, 3.0


def sigreg(
    latents: Float[Tensor, "B T D"],
    valid: Bool[Tensor, "B T"],
    num_projections: int,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """The Epps-Pulley statistic against N(0, 1) of the batch along random directions, averaged over them and over time.

    Of x, the latents of a timestep in one direction, it is n * integral of |mean(exp(i t x)) - exp(-t^2 / 2)|^2
    exp(-t^2 / 2) over t in [-3, 3], by the trapezoidal rule. Of n latents that are Gaussian it is 1.05 on average,
    whatever n. Those that are not valid do not count, nor do timesteps with fewer than two others.

    Source: LeJEPA (Balestriero and LeCun 2025, arXiv 2511.08544) as LeWM uses it. Deviation: where processes or parts
    share a batch, each has the statistic of its own rows.
    """
    directions = torch.randn(latents.shape[-1], num_projections, generator=generator, device=generator.device)
    directions = (directions / directions.norm(dim=0)).to(latents)
    knots = torch.linspace(0, LIMIT, NUM_KNOTS, device=latents.device)
    gaussian = (-knots.square() / 2).exp()
    weights = torch.full_like(knots, 2 * LIMIT / (NUM_KNOTS - 1))  # of both signs of t
    weights[[0, -1]] /= 2
    count = valid.sum(0)
    share = (valid / count.clamp_min(1)).float()
    angles = ((latents.float() @ directions.float()) * knots[1]).unbind(1)
    found = [_statistic(one, share[:, at], gaussian, weights * gaussian) for at, one in enumerate(angles)]
    counted = (count > 1).float()
    return (torch.stack(found) * count * counted).sum() / counted.sum().clamp_min(1)


def _statistic(
    angle: Float[Tensor, "B M"],
    share: Float[Tensor, " B"],
    gaussian: Float[Tensor, " K"],
    weights: Float[Tensor, " K"],
) -> Float[Tensor, ""]:
    """The integral for one timestep, averaged over directions. `angle` is t x at the first t that is not 0.

    At the others sine and cosine follow from those at the one before, by the formulas for the sum of two angles.
    """
    cos, sin = angle.cos(), angle.sin()
    real, imaginary, total = cos, sin, angle.new_zeros(())
    for knot in range(1, NUM_KNOTS):
        if knot > 1:
            real, imaginary = real * cos - imaginary * sin, imaginary * cos + real * sin
        error = (share @ real - gaussian[knot]).square() + (share @ imaginary).square()
        total = total + weights[knot] * error.mean()
    return total
