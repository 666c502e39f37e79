"""Statistics of images from histograms of 256 levels per channel: exact over the sampled frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.statistics.running import QUANTILES, FeatureStats

__all__ = ["ImageHistogram", "sampled_frames"]


def sampled_frames(length: int) -> Int64[np.ndarray, " K"]:
    """The frames of an episode that enter image statistics: evenly spaced, as many as LeRobot takes."""
    number = max(min(100, length), min(int(length**0.75), 10_000))
    return np.round(np.linspace(0, length - 1, number)).astype(np.int64)


@dataclass(frozen=True)
class ImageHistogram:
    """How often each level 0..255 occurs in each channel of `frames` images."""

    frames: int
    levels: Int64[np.ndarray, "C 256"]

    @classmethod
    def of(cls, images: UInt8[np.ndarray, "N Y X C"]) -> "ImageHistogram":
        channels = [np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])]
        return cls(len(images), np.stack(channels))

    @classmethod
    def total(cls, parts: Sequence["ImageHistogram"]) -> "ImageHistogram":
        return cls(sum(part.frames for part in parts), np.sum([part.levels for part in parts], axis=0))

    def describe(self) -> FeatureStats:
        """Statistics per channel, of levels scaled to 0..1, each of LeRobot's shape [C, 1, 1]."""
        found = [self._channel(counts) for counts in self.levels]
        described: FeatureStats = {name: [[[channel[name] / 255]] for channel in found] for name in found[0]}
        return {**described, "count": [self.frames]}

    @staticmethod
    def _channel(counts: Int64[np.ndarray, " 256"]) -> dict[str, float]:
        grey = np.arange(256, dtype=np.float64)
        present, total = np.flatnonzero(counts), counts.sum()
        mean = (counts * grey).sum() / total
        std = np.sqrt((counts * (grey - mean) ** 2).sum() / total)
        cumulative = np.cumsum(counts)

        def quantile(level: float) -> float:
            at = level * (total - 1)
            low, high = np.searchsorted(cumulative, [np.floor(at), np.ceil(at)], side="right")
            return float(low + (high - low) * (at - np.floor(at)))

        return {
            "min": float(present[0]),
            "max": float(present[-1]),
            "mean": float(mean),
            "std": float(std),
            **{name: quantile(level) for name, level in QUANTILES.items()},
        }

    def to_json(self) -> dict[str, Any]:
        return {"frames": self.frames, "levels": self.levels.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageHistogram":
        return cls(value["frames"], np.array(value["levels"], dtype=np.int64))
