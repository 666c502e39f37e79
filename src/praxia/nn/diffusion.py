"""Denoising diffusion on the cosine schedule: trained at single steps (DDPM), sampled in few steps (DDIM).

The steps of a chunk share one denoising step [B], or each has its own [B, H].
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from praxia.nn.guidance import Guide

__all__ = ["cosine_alphas_bar", "ddim", "ddim_steps", "noised"]


def cosine_alphas_bar(num_steps: int) -> Float[Tensor, " K"]:
    """The share of the signal's variance that remains after each of `num_steps` noise steps, in float64.

    Nichol & Dhariwal 2021 (arXiv 2102.09672), section 3.2, with offset 0.008 and each step's share of noise at most
    0.999: the schedule that Diffusion Policy calls squaredcos_cap_v2.
    """
    edges = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    curve = torch.cos((edges + 0.008) / 1.008 * torch.pi / 2).square()
    betas = (1 - curve[1:] / curve[:-1]).clamp_max(0.999)
    return (1 - betas).cumprod(0)


def noised(
    data: Float[Tensor, "B H A"], noise: Float[Tensor, "B H A"], alpha_bar: Float[Tensor, "B *H"]
) -> Float[Tensor, "B H A"]:
    """Data with noise, such that a share `alpha_bar` of the data's variance remains."""
    share = alpha_bar.reshape(*alpha_bar.shape, *[1] * (data.dim() - alpha_bar.dim()))
    return share.sqrt() * data + (1 - share).sqrt() * noise


def ddim_steps(num_train_steps: int, num_steps: int) -> list[int]:
    """The steps to denoise from, in falling order: evenly spaced and starting at the noisiest ("trailing").

    Lin et al. 2024 (arXiv 2305.08891), table 2. Diffusion Policy spaces them from the least noisy ("leading"), so that
    its first step expects less noise than there is.
    """
    return [round(num_train_steps * (num_steps - at) / num_steps) - 1 for at in range(num_steps)]


def ddim(
    predict_noise: Callable[[Float[Tensor, "B H A"], Int[Tensor, " B"]], Float[Tensor, "B H A"]],
    noise: Float[Tensor, "B H A"],
    alphas_bar: Float[Tensor, " K"],
    num_steps: int,
    clip: float,
    guide: Guide | None = None,
) -> Float[Tensor, "B H A"]:
    """Denoise deterministically in `num_steps` steps (Song et al. 2021, arXiv 2010.02502, equation 12 with sigma 0).

    The predicted data are clipped to `clip` at every step, and the noise is recomputed from them. With a `guide` they
    are moved by it before that. DDIM is Euler's method on flow's path, x_t = x / (sqrt(a) + sqrt(1 - a)) at the time
    t = sqrt(a) / (sqrt(a) + sqrt(1 - a)), so the guidance of flow matching is that of diffusion (there: RTC's; here its
    prediction is the clipped one).
    """
    x = noise
    steps = ddim_steps(len(alphas_bar), num_steps)
    for step, next_step in zip(steps, [*steps[1:], -1], strict=True):
        share = alphas_bar[step]
        next_share = alphas_bar[next_step] if next_step >= 0 else torch.ones_like(share)
        now = torch.full((len(x),), step, device=x.device)

        def predict(x: Tensor, share: Tensor = share, now: Tensor = now) -> Tensor:
            return ((x - (1 - share).sqrt() * predict_noise(x, now)) / share.sqrt()).clamp(-clip, clip)

        data = predict(x) if guide is None else _guided(guide, predict, x, share).clamp(-clip, clip)
        predicted = (x - share.sqrt() * data) / (1 - share).sqrt()
        x = next_share.sqrt() * data + (1 - next_share).sqrt() * predicted
    return x


def _guided(
    guide: Guide,
    predict: Callable[[Float[Tensor, "B H A"]], Float[Tensor, "B H A"]],
    x: Float[Tensor, "B H A"],
    share: Float[Tensor, ""],
) -> Float[Tensor, "B H A"]:
    """The data predicted of `x`, of which `share` is signal, moved by `guide`, which sees flow's path."""
    scale = 1 / (share.sqrt() + (1 - share).sqrt())
    time = (scale * share.sqrt()).expand(len(x))
    return guide(lambda on_path: predict(on_path / scale), x * scale, time)
