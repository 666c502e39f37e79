"""A trained policy as the expert of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from praxia.checkpoint.store import load_policy
from praxia.core.embodiment import Embodiment
from praxia.core.types import Policy

__all__ = ["TrainedExpert"]


@dataclass(frozen=True)
class TrainedExpert:
    """Loads the policy in `folder` for `embodiment`, with one thread: a `collect.workers.MakeExpert`.

    Picklable, so that each worker loads its own. Whether the policy fits the embodiment is for the caller to check.
    """

    folder: Path
    embodiment: Embodiment

    def __call__(self, instructions: Mapping[str, str]) -> Policy:
        torch.set_num_threads(1)
        return load_policy(self.folder)[0].bind(self.embodiment)
