"""Praxia: robot foundation models, from demonstrations to an evaluated policy.

`praxia.load(run).session()` asks a trained policy for actions, `praxia.open(data)` reads a LeRobot data set;
docs/PYTHON.md shows both. Everything else is a command: `praxia --help`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from praxia.api import LoadedPolicy, OpenDataset, PraxiaError, RecordedEpisode, load, open

__all__ = ["LoadedPolicy", "OpenDataset", "PraxiaError", "RecordedEpisode", "load", "open"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The names above, imported when they are used: the import of torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from praxia import api

    return getattr(api, name)
