"""Numbers of episodes as they are typed and as they are written down: "3,7-9"."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import PraxiaError

__all__ = ["format_episodes", "parse_episodes"]


def parse_episodes(text: str, total: int) -> list[int]:
    """The episodes that "3,7-9" names, of 0 to total - 1, in the order given and each once.

    Raises:
        PraxiaError: not of that form, or an episode that is not there.
    """
    numbers: dict[int, None] = {}
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", item)
        if match is None:
            raise PraxiaError(f"expected numbers of episodes like 3,7-9, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise PraxiaError(f"expected a range of episodes that rises, got {item.strip()!r}")
        if last >= total:
            raise PraxiaError(f"there is no episode {last}: the data set has episodes 0 to {total - 1}")
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def format_episodes(numbers: Sequence[int] | Int64[np.ndarray, " K"]) -> str:
    """The shortest text that names these episodes, which rise."""
    rising = np.asarray(numbers, dtype=np.int64)
    if len(rising) == 0:
        return ""
    runs = np.split(rising, np.flatnonzero(np.diff(rising) > 1) + 1)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
