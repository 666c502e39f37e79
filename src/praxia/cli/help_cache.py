"""Help texts that take seconds to make, because torch is imported for them, kept in the user's cache folder."""

import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from importlib.metadata import version
from pathlib import Path

import praxia
from praxia.core.files import write_atomic
from praxia.core.user_cache import cache_roots

__all__ = ["cached_help"]

# When there are more, all are removed.
KEPT = 200


def cached_help(name: str, render: Callable[[], object]) -> str:
    """What `render` prints before it exits, as `--help` does; from the cache, if it is there.

    A text is kept for the present version of Praxia's source, of tyro and of Python, and the terminal's width.
    """
    what = [name, _source(), version("tyro"), sys.version, str(shutil.get_terminal_size().columns)]
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
    folders = [root / "help" for root in cache_roots()]
    for folder in folders:
        with suppress(OSError, UnicodeDecodeError):
            return (folder / f"{key}.txt").read_text()
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        render()
    _keep(folders, key, printed.getvalue())
    return printed.getvalue()


def _keep(folders: Sequence[Path], key: str, text: str) -> None:
    """Write it into the first of the folders that can be written, or nowhere."""
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if len(list(folder.iterdir())) >= KEPT:
                shutil.rmtree(folder)
                folder.mkdir()
            write_atomic(folder / f"{key}.txt", text)
            return


def _source() -> str:
    """What changes when a file of the package does."""
    root = Path(praxia.__file__).parent
    found = [(str(path.relative_to(root)), path.stat()) for path in sorted(root.rglob("*.py"))]
    return repr([(name, status.st_size, status.st_mtime_ns) for name, status in found])
