"""The discrete cosine transform of whole batches, along time."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64

__all__ = ["dct", "inverse_dct"]


def dct(chunks: Float[np.ndarray, "B H A"]) -> Float64[np.ndarray, "B H A"]:
    """Orthonormal DCT-II along H, in float64."""
    return _basis(chunks.shape[1]) @ chunks


def inverse_dct(coefficients: Float[np.ndarray, "B H A"]) -> Float64[np.ndarray, "B H A"]:
    """The inverse of `dct`: the basis is orthonormal, so its transpose."""
    return _basis(coefficients.shape[1]).T @ coefficients


@lru_cache(maxsize=16)
def _basis(horizon: int) -> Float64[np.ndarray, "H H"]:
    """Row k is the cosine of k half-turns over H samples, with unit length."""
    frequency, time = np.arange(horizon)[:, None], np.arange(horizon) + 0.5
    basis = np.cos(np.pi * frequency * time / horizon) * np.sqrt(2 / horizon)
    basis[0] /= np.sqrt(2)
    return basis
