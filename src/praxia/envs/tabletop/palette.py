"""Colours by name, and table tops: those of training, and those held out for the scene axis."""

from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from praxia.core.keys import generator

__all__ = ["COLOURS", "HELD_OUT_TABLES", "TABLES", "TEXTURE_PIXELS", "Rgb", "held_out_shade", "shade", "table_texture"]

Rgb: TypeAlias = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {
    "red": (0.85, 0.10, 0.10),
    "orange": (0.95, 0.48, 0.06),
    "yellow": (0.93, 0.85, 0.12),
    "green": (0.12, 0.60, 0.18),
    "blue": (0.12, 0.28, 0.85),
    "purple": (0.52, 0.16, 0.66),
}
DISTRACTING: tuple[Rgb, ...] = ((0.35, 0.22, 0.12), (0.08, 0.08, 0.08), (0.95, 0.95, 0.95))

TABLES = ("oak", "felt", "stone")
HELD_OUT_TABLES = ("checker", "stripes", "marble")
TEXTURE_PIXELS = 64


def shade(colour: str, rng: np.random.Generator) -> Rgb:
    """A shade of a named colour as in training: a little brighter or darker."""
    return _clip(np.array(COLOURS[colour]) * rng.uniform(0.9, 1.1) + rng.uniform(-0.03, 0.03, 3))


def held_out_shade(colour: str, rng: np.random.Generator) -> Rgb:
    """A shade of a named colour that does not occur in training: clearly darker, or mixed with white."""
    base = np.array(COLOURS[colour])
    if rng.random() < 0.5:
        return _clip(base * rng.uniform(0.55, 0.7))
    white = rng.uniform(0.25, 0.4)
    return _clip(base * (1 - white) + white)


def distracting_shade(rng: np.random.Generator) -> Rgb:
    """A colour that no instruction names."""
    return _clip(np.array(DISTRACTING[rng.integers(len(DISTRACTING))]) + rng.uniform(-0.03, 0.03, 3))


def _clip(rgb: np.ndarray) -> Rgb:
    red, green, blue = np.clip(rgb, 0, 1).round(4).tolist()
    return red, green, blue


def table_texture(name: str) -> UInt8[np.ndarray, "64 64 3"]:
    """The texture of a table top: a pure function of its name."""
    n = TEXTURE_PIXELS
    rng = generator("tabletop texture", name)
    y, x = np.mgrid[:n, :n]
    noise = rng.standard_normal((n, n))
    if name == "oak":
        pattern = 0.10 * np.sin(y * 0.7 + 0.8 * np.sin(x * 0.12)) + 0.03 * noise
        base = (0.72, 0.58, 0.42)
    elif name == "felt":
        pattern, base = 0.03 * noise, (0.36, 0.42, 0.46)
    elif name == "stone":
        pattern, base = 0.08 * noise, (0.74, 0.73, 0.70)
    elif name == "checker":
        pattern, base = 0.22 * (((x // 8 + y // 8) % 2) - 0.5), (0.60, 0.60, 0.62)
    elif name == "stripes":
        pattern, base = 0.24 * (((x + y) // 8 % 2) - 0.5), (0.56, 0.66, 0.60)
    else:
        assert name == "marble", name
        pattern = 0.12 * np.sin(0.25 * x + 4 * np.sin(y * 0.09) + 2 * np.sin(x * 0.15))
        base = (0.86, 0.84, 0.82)
    image = np.asarray(base) + pattern[..., None]
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)
