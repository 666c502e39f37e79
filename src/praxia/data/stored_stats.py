"""The statistics that a data set brings, completed where its writer left some out."""

import json
from typing import Any

from praxia.core.errors import DataError
from praxia.data.catalogue import Catalogue
from praxia.data.layout import STATS
from praxia.data.manifest import ADVICE
from praxia.data.rows import Rows
from praxia.data.stats import QUANTILES, describe
from praxia.data.vectors import VECTORS

__all__ = ["stored_stats"]

NEEDED = {"min", "max", "mean", "std", "count", *QUANTILES}


def stored_stats(catalogue: Catalogue, rows: Rows) -> dict[str, dict[str, Any]]:
    """meta/stats.json by feature; the state's and the action's computed where it lacks quantiles or the whole file.

    v2.1 has statistics of episodes alone, and no quantiles.

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
        if name in rows.features and not set(found.get(name, ())) >= NEEDED:
            found[name] = describe(rows[name])
    return found
