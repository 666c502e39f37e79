"""Which cameras of a data set somebody asked for."""

from collections.abc import Sequence

from praxia.core.errors import UnknownName
from praxia.data.dataset import Dataset

__all__ = ["chosen_cameras"]


def chosen_cameras(dataset: Dataset, names: Sequence[str]) -> tuple[str, ...]:
    """The named cameras, or all where none is named.

    Raises:
        UnknownName: a camera that the data set does not have.
    """
    for name in names:
        if name not in dataset.cameras:
            raise UnknownName("camera", name, dataset.cameras, f"praxia data info {dataset.root}")
    return tuple(dict.fromkeys(names)) or dataset.cameras
