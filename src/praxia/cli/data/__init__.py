"""`praxia data VERB ...`: one module a verb, imported when called."""

import importlib
from typing import Any

from praxia.core.errors import UnknownName

__all__ = ["VERBS", "run"]

VERBS = {
    "info": "what a data set is, and that every file still has its hash",
    "stats": "its numbers by embodiment, as recorded or as a policy sees them, and what in them spoils training",
    "import": "bring in a data set of ACT/ALOHA, robomimic or Diffusion Policy, and compare it with its source",
    "export": "write a data set as robomimic or ALOHA HDF5",
    "view": "a page of its episodes: images, actions and states in step",
    "mix": "what a training step will see of data sets that are mixed",
    "check": "whether every file, row, time and image of a data set is whole, and which episodes are safe",
    "edit": "delete episodes, split, merge, trim idle frames, rename, join, reorder; never a video encoded anew",
}


def run(arguments: list[str]) -> dict[str, Any]:
    """Run one verb on a data set.

    Raises:
        UnknownName: no such verb.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia data: what to do with a data set\n")
        print("\n".join(f"  praxia data {verb:12s} {text}" for verb, text in VERBS.items()))
        print("\nEvery verb takes --help and --json.")
        raise SystemExit(0)
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise UnknownName("verb of data", verb, VERBS, "praxia data --help")
    return importlib.import_module(f"praxia.cli.data.{verb.replace('-', '_')}").run(rest)
