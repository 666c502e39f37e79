"""Which recorded episodes succeeded, as far as anybody recorded it."""

from collections.abc import Mapping
from typing import Any

from praxia.data.dataset import Dataset

__all__ = ["outcomes"]


def outcomes(dataset: Dataset) -> tuple[bool | None, ...]:
    """Of each episode whether it reached success; None where its writer did not say.

    The writer of a data set of ours says it, but where an importer had to assume it. Another's says it where there is a
    feature `next.success` with a value in every row: the episode succeeded if any of its steps did. `Dataset.select`
    trains on episodes of which nobody says anything as on successful ones.
    """
    if dataset.ours:
        return tuple(None if _is_assumed(record) else bool(record["success"]) for record in dataset.records)
    reached = dataset.reached()
    return (None,) * dataset.num_episodes if reached is None else tuple(map(bool, reached))


def _is_assumed(record: Mapping[str, Any]) -> bool:
    return "success" in record.get("provenance", {}).get("assumed", {})
