"""Where files are kept that can be made again: decoded images, help texts."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["cache_roots"]


def cache_roots() -> list[Path]:
    """The folders in which a cache may be, best first; opening one finds out whether it can be written.

    The user's own: $PRAXIA_CACHE, or `praxia` in $XDG_CACHE_HOME or ~/.cache. Then a folder in the temporary folder,
    for users without a home (containers).
    """
    roots = []
    with suppress(RuntimeError):  # no HOME, and a user whom the system does not know
        own = os.environ.get("PRAXIA_CACHE")
        home = os.environ.get("XDG_CACHE_HOME")
        found = Path(own).expanduser() if own else Path(home or Path.home() / ".cache") / "praxia"
        roots.append(found.absolute())
    with suppress(OSError):  # no temporary folder
        temporary = Path(tempfile.gettempdir()) / f"praxia-{os.getuid()}"
        if not temporary.exists() or temporary.lstat().st_uid == os.getuid():
            roots.append(temporary)
    return roots
