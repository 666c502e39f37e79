"""Checks every file against its recorded size and SHA-256."""

from collections.abc import Callable
from pathlib import Path

from praxia.core.errors import DataError
from praxia.core.files import sha256_file
from praxia.data.layout import MANIFEST
from praxia.data.manifest import FileEntry, Manifest
from praxia.datatools.check.problems import Problems

__all__ = ["check_hashes"]


def check_hashes(
    root: Path, num_episodes: int | None, problems: Problems, report: Callable[[int, int, str], None]
) -> bool:
    """Report each file that changed, with its episodes. Returns False if there are no checksums.

    `num_episodes` None: unknown. `report` is called with (done, planned, name).
    """
    try:
        files = Manifest.read(root).files
        if not all(_is_valid(entry) for entry in files.values()):
            raise DataError("its sizes or episodes are not numbers")
    except (DataError, AttributeError) as error:
        kind = "altered" if (root / MANIFEST).is_file() else "missing-file"
        problems.add(MANIFEST, kind, f"without it there are no checksums: {error}")
        return False
    for done, (name, entry) in enumerate(files.items()):
        report(done, len(files), name)
        changed = _difference(root / name, entry)
        if changed is not None:
            problems.add(name, *changed, episodes=_episodes_in(entry.episodes, num_episodes))
    report(len(files), len(files), "")
    return bool(files)


def _is_valid(entry: FileEntry) -> bool:
    episodes = () if entry.episodes is None else entry.episodes
    return len(episodes) in (0, 2) and all(type(number) is int for number in (entry.size, *episodes))


def _difference(path: Path, entry: FileEntry) -> tuple[str, str] | None:
    size = path.stat().st_size if path.is_file() else None
    if size is None:
        return "missing-file", "the manifest lists it"
    if size != entry.size:
        kind = "truncated" if size < entry.size else "altered"
        return kind, f"expected {entry.size} bytes, got {size}"
    try:
        return None if sha256_file(path) == entry.sha256 else ("altered", "its SHA-256 differs from the recorded one")
    except OSError as error:
        return "unreadable", str(error)


def _episodes_in(episodes: tuple[int, int] | None, num_episodes: int | None) -> range | None:
    if episodes is None or num_episodes is None:
        return None
    return range(max(0, episodes[0]), min(num_episodes, episodes[1] + 1)) or None
