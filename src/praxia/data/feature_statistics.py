"""The statistics of one numeric feature, in its own shape, as LeRobot has them."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from praxia.statistics.running import FeatureStats, describe

__all__ = ["MAX_DESCRIBED", "describe_feature", "in_shape"]

# Statistics are of each number of a step. Depth images have too many: theirs would take more than the data set does.
MAX_DESCRIBED = 1024


def describe_feature(values: Shaped[np.ndarray, "N ..."]) -> FeatureStats | None:
    """The statistics over N steps; None for texts, and for values of more than `MAX_DESCRIBED` numbers a step."""
    shape = values.shape[1:]
    if math.prod(shape) > MAX_DESCRIBED or values.dtype.kind == "U":
        return None
    return in_shape(describe(values.reshape(len(values), -1)), shape)


def in_shape(described: FeatureStats, shape: Sequence[int]) -> FeatureStats:
    """Statistics of flat values as those of values of `shape`, where it has several axes."""
    if len(shape) < 2:
        return described
    return {name: v if name == "count" else np.reshape(v, shape).tolist() for name, v in described.items()}
