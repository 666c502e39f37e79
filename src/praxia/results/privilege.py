"""Whether a number may stand beside those of policies that see what a robot sees."""

from collections.abc import Mapping
from typing import Any

__all__ = ["privilege_of"]


def privilege_of(meta: Mapping[str, Any]) -> str | None:
    """What an evaluation's policy knew that a robot would not, in two words; None: nothing.

    `meta` is what was written beside its rows. "privileged policy" is one that reads the simulator, as scripted experts
    do, "privileged state" a benchmark that gives every policy what no robot could measure.
    """
    if meta.get("privileged"):
        return "privileged policy"
    return "privileged state" if meta["fingerprint"]["benchmark"].get("privileged_state") else None
