"""Who was judged: what two results files must share to be of one policy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Competitor", "competitor_of"]


class Competitor(NamedTuple):
    """Two results with equal competitors are of one policy, in whatever folders and files they lie.

    `policy_sha256` is its identity: weights, config and sampling. On a body that it was not trained on, the embodiment
    `bind_as` decides which of its normalisers and layers are used, and an `ensemble` averages its chunks.
    """

    policy_sha256: str
    bind_as: str | None
    ensemble: float | None


def competitor_of(fingerprint: Mapping[str, Any]) -> Competitor:
    """Whose results those of a fingerprint are, those of its controls too."""
    # Files from before ensembling say nothing of the pace beside the benchmark's.
    pace = fingerprint.get("pace", {})
    return Competitor(fingerprint["policy_sha256"], fingerprint.get("bind_as"), pace.get("ensemble"))
