"""The block's outline, and where it is in a pose."""

from functools import cache

import numpy as np
import pymunk
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float64
from shapely import Polygon, union_all
from shapely.geometry.polygon import orient

__all__ = ["AGENT_PX", "mean_distance", "outline", "placed"]

# The agent's radius.
AGENT_PX = 15.0


@cache
def outline() -> Float64[np.ndarray, "8 2"]:
    """The corners of the T in its own frame, in the order that turns from x to y."""
    _, bars = PushTEnv.add_tee(pymunk.Space(), (0, 0), 0)
    whole = union_all([Polygon(bar.get_vertices()) for bar in bars]).simplify(0)
    assert isinstance(whole, Polygon)
    return np.array(orient(whole).exterior.coords)[:-1]


def placed(points: Float64[np.ndarray, "N 2"], poses: Float64[np.ndarray, "*P 3"]) -> Float64[np.ndarray, "*P N 2"]:
    """Points of the block's frame in the image's, for each of the poses (x, y, angle)."""
    cos, sin = np.cos(poses[..., 2, None]), np.sin(poses[..., 2, None])
    x, y = points[:, 0], points[:, 1]
    return np.stack([cos * x - sin * y + poses[..., 0, None], sin * x + cos * y + poses[..., 1, None]], axis=-1)


def mean_distance(
    corners: Float64[np.ndarray, "*P 8 2"], goal: Float64[np.ndarray, "8 2"]
) -> Float64[np.ndarray, "*P"]:
    """How far the corners of each of P poses are from where they should be: place and angle in one number of pixels."""
    return np.linalg.norm(corners - goal, axis=-1).mean(axis=-1)
