"""Which episodes and cameras of a data set somebody asked for."""

import re
from collections.abc import Sequence

from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.dataset import Dataset

__all__ = ["chosen_cameras", "chosen_episodes"]


def chosen_episodes(dataset: Dataset, text: str) -> list[int]:
    """Numbers and ranges with commas between them, such as "3,7,10-12", in the order given and each once.

    Raises:
        PraxiaError: it reads otherwise, or names an episode that the data set does not have.
    """
    chosen: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None:
            raise PraxiaError(f"expected --episodes such as 0-4 or 3,7,10-12, got {text!r}")
        first = int(match[1])
        last = int(match[2] or first)
        if last >= dataset.num_episodes or first > last:
            raise PraxiaError(
                f"expected --episodes within 0-{dataset.num_episodes - 1}, which {dataset.root} has, "
                f"got {part.strip()!r}"
            )
        chosen |= dict.fromkeys(range(first, last + 1))
    return list(chosen)


def chosen_cameras(dataset: Dataset, names: Sequence[str]) -> tuple[str, ...]:
    """The named cameras, or all where none is named.

    Raises:
        UnknownName: a camera that the data set does not have.
    """
    for name in names:
        if name not in dataset.cameras:
            raise UnknownName("camera", name, dataset.cameras, f"praxia data info {dataset.root}")
    return tuple(dict.fromkeys(names)) or dataset.cameras
