"""How far recorded episodes are from a robot: what a world dreamed is told from what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int64

from praxia.data.dataset import Dataset

__all__ = ["GENERATION", "generations", "is_as_recorded"]

# The key of an episode's provenance. Edits and merges keep it, as all of an episode's record.
GENERATION = "generation"


def generations(dataset: Dataset) -> Int64[np.ndarray, " E"]:
    """The generation of each episode: 0 of a robot or a simulator, and 1 more than all that a dream was made from."""
    if not dataset.records:
        return np.zeros(dataset.num_episodes, np.int64)
    return np.array([record["provenance"].get(GENERATION, 0) for record in dataset.records], np.int64)


def is_as_recorded(record: Mapping[str, Any]) -> bool:
    """Whether executing an episode's actions from its start should lead to what it shows.

    Not if it was trimmed, for then it does not begin at its start; nor if it was relabelled, for then its actions are
    not those that were executed; nor if it was dreamed, for then it had neither.
    """
    provenance = record["provenance"]
    return "trimmed" not in record and "relabelled_by" not in provenance and provenance.get(GENERATION, 0) == 0
