"""The statistics that a data set brings; those of the numbers that are learned from are computed."""

import json
from typing import Any

from praxia.core.errors import DataError
from praxia.data.layout import STATS
from praxia.data.manifest import ADVICE
from praxia.data.metadata import Metadata
from praxia.data.rows import Rows
from praxia.data.stats import describe
from praxia.data.vectors import VECTORS

__all__ = ["stored_stats"]


def stored_stats(catalogue: Metadata, rows: Rows) -> dict[str, dict[str, Any]]:
    """meta/stats.json by feature; the state's and the action's are those of all rows, whatever it says of them.

    Writers disagree about them: LeRobot's quantiles were means of the episodes' own and became their extremes, older
    ones are missing, and v2.1 has statistics of episodes alone.

    Raises:
        DataError: a file that is no JSON object.
    """
    path = catalogue.root / STATS
    found: dict[str, dict[str, Any]] = {}
    if path.is_file():
        try:
            found = {name: dict(one) for name, one in json.loads(path.read_bytes()).items()}
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise DataError(f"{path} is damaged ({error}); in it: all episodes. {ADVICE}") from error
    for name in VECTORS:
        if name in rows.features:
            found[name] = describe(rows[name])
    return found
