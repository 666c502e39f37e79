"""The splits that a data set declares in info.json: `"splits": {"train": "0:45", "val": "45:50"}`."""

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["TRAIN", "read_splits"]

TRAIN = "train"


def read_splits(info: Mapping[str, Any]) -> dict[str, range]:
    """The episodes of each split that has LeRobot's form "first:end"; others, such as shares, are left out."""
    declared = info.get("splits")
    spans = declared if isinstance(declared, Mapping) else {}
    found = {name: re.fullmatch(r"(\d+):(\d+)", str(span)) for name, span in spans.items()}
    return {name: range(int(match[1]), int(match[2])) for name, match in found.items() if match}
