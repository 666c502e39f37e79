"""Paths as people write them: several with commas between them, or from home."""

import os
from pathlib import Path

__all__ = ["from_home", "named_paths"]


def named_paths(text: str) -> list[str]:
    """The paths in "A,B". A path that is there counts as one, whatever commas it holds, and the longest such first."""
    pieces, found = text.split(","), []
    while pieces:
        runs = [",".join(pieces[:count]) for count in range(len(pieces), 1, -1)]
        taken = next((run for run in runs if os.path.lexists(from_home(run))), pieces[0])
        found.append(taken)
        pieces = pieces[taken.count(",") + 1 :]
    return found


def from_home(text: str) -> str:
    """With the home folder for a "~" at its begin, which a shell leaves within "A,~/B" and nobody expands in a file."""
    return os.path.expanduser(text) if text.startswith("~") and not Path(text).exists() else text
