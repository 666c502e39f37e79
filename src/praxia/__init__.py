"""Praxia: robot foundation models, from demonstrations to an evaluated policy.

`praxia.open(data)` reads a LeRobot data set, `praxia.train` and `praxia.evaluate` are the commands `train` and `eval`,
and `praxia.load(run).session()` asks a policy for actions; docs/PYTHON.md shows all.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from praxia.api import (
        FunctionPolicy,
        LoadedPolicy,
        OpenDataset,
        PraxiaError,
        RecordedEpisode,
        TrainRun,
        evaluate,
        evaluate_offline,
        load,
        open,
        recipe,
        train,
    )

__all__ = [
    "FunctionPolicy",
    "LoadedPolicy",
    "OpenDataset",
    "PraxiaError",
    "RecordedEpisode",
    "TrainRun",
    "evaluate",
    "evaluate_offline",
    "load",
    "open",
    "recipe",
    "train",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The names above, imported when they are used: the import of torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from praxia import api

    return getattr(api, name)
