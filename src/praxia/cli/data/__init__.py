"""`praxia data VERB ...`: one module per verb, imported when called."""

import importlib
from typing import Any

from praxia.core.errors import UnknownName

__all__ = ["VERBS", "run"]

VERBS = {
    "info": "describe a data set, and verify the hash of every file",
    "stats": "statistics by embodiment, as recorded or as a policy sees them, and warnings about them",
    "import": "import a data set of ACT/ALOHA, robomimic or Diffusion Policy, and compare it with its source",
    "export": "write a data set as robomimic or ALOHA HDF5",
    "dream": "run a policy inside a world, and write what is imagined as a data set",
    "view": "an HTML page of its episodes: synchronized images, actions and states",
    "mix": "preview what a training step sees of a mixture of data sets",
    "cache": "list the decoded images that are kept for later runs, or remove them",
    "check": "check every file, row, timestamp and image, and list the episodes that are safe",
    "relabel": "a new data set of video, with the actions that an inverse dynamics model reads from it",
    "codes": "video gets codes of what changes in it in place of actions, for a policy to be pretrained on",
    "edit": "delete, split, merge, trim, rename, join, reorder; videos are never re-encoded",
}


def run(arguments: list[str]) -> dict[str, Any]:
    """Run one verb on a data set.

    Raises:
        UnknownName: no such verb.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia data: tools for data sets\n")
        print("\n".join(f"  praxia data {verb:12s} {text}" for verb, text in VERBS.items()))
        print("\nEvery verb takes --help and --json.")
        raise SystemExit(0)
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise UnknownName("verb of data", verb, VERBS, "praxia data --help")
    return importlib.import_module(f"praxia.cli.data.{verb.replace('-', '_')}").run(rest)
