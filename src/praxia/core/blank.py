"""The observation with which a policy is warmed up."""

from collections.abc import Iterable

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.types import Observation

__all__ = ["blank_observation"]


def blank_observation(embodiment: Embodiment, cameras: Iterable[str]) -> Observation:
    """Black images of `cameras`, a state and streams of zeros, and no instruction."""
    sizes = {camera.name: (camera.height, camera.width, 3) for camera in embodiment.cameras}
    images = {name: np.zeros(sizes[name], np.uint8) for name in cameras}
    streams = {one.name: np.zeros(one.shape, one.dtype) for one in embodiment.streams}
    return Observation(images, np.zeros(embodiment.state_dim, np.float32), "", 0.0, streams=streams)
