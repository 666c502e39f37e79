"""Size and SHA-256 of every file of a data set, and which episodes are in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.errors import DataError
from praxia.core.files import AnyPath, relative_name, sha256_file
from praxia.core.keys import canonical_json
from praxia.data.layout import MANIFEST, json_bytes

__all__ = ["ADVICE", "FileEntry", "Manifest"]

ADVICE = "Restore the file from a copy, or keep the intact episodes: see `praxia data check`"


@dataclass(frozen=True)
class FileEntry:
    """One file: its size in bytes, its hash and its first and last episode (None: all of them)."""

    size: int
    sha256: str
    episodes: tuple[int, int] | None

    @property
    def contents(self) -> str:
        """Which episodes are in it, for an error."""
        if self.episodes is None:
            return "all episodes"
        first, last = self.episodes
        return f"episode {first}" if first == last else f"episodes {first} to {last}"

    def to_json(self) -> dict[str, Any]:
        return {"bytes": self.size, "sha256": self.sha256, "episodes": self.episodes and list(self.episodes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FileEntry":
        return cls(value["bytes"], value["sha256"], value["episodes"] and tuple(value["episodes"]))


@dataclass(frozen=True)
class Manifest:
    """All files of one data set, by path relative to its root; empty for a data set of another writer."""

    files: Mapping[str, FileEntry]

    @property
    def content_sha256(self) -> str:
        """The hash of the data set: over every file's path and hash."""
        hashes = {name: entry.sha256 for name, entry in self.files.items()}
        return _digest(hashes)

    @classmethod
    def of(cls, root: AnyPath, episodes: Mapping[str, tuple[int, int]], pending: Mapping[str, bytes]) -> "Manifest":
        """Hash the files on disk, and `pending`, files that will be written after the manifest."""
        files = {}
        for path in (path for path in root.rglob("*") if path.is_file()):
            name = relative_name(root, path)
            if not name.startswith("."):
                files[name] = FileEntry(path.stat().st_size, sha256_file(path), episodes.get(name))
        for name, data in pending.items():
            files[name] = FileEntry(len(data), hashlib.sha256(data).hexdigest(), None)
        return cls(files)

    def to_bytes(self) -> bytes:
        entries = {name: entry.to_json() for name, entry in sorted(self.files.items())}
        return json_bytes({"content_sha256": self.content_sha256, "entries_sha256": _digest(entries), "files": entries})

    @classmethod
    def read(cls, root: AnyPath) -> "Manifest":
        """The manifest of a finished data set.

        Raises:
            DataError: it is missing from a data set that Praxia wrote, not JSON, or does not match its content_sha256.
        """
        path = root / MANIFEST
        if not path.is_file():
            if path.parent.is_dir():
                raise DataError(f"{path} is missing; in it: all episodes. {ADVICE}")
            return cls({})
        try:
            value = json.loads(path.read_bytes())
            manifest = cls({name: FileEntry.from_json(entry) for name, entry in value["files"].items()})
            expected = value["content_sha256"]
            # Older data sets have none: it covers sizes and episodes too.
            entries = value.get("entries_sha256", _digest(value["files"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"{path} is damaged ({error}); in it: all episodes. {ADVICE}") from error
        if manifest.content_sha256 != expected or entries != _digest(value["files"]):
            raise DataError(
                f"{path} was altered: it does not add up to its own content_sha256; in it: all episodes. {ADVICE}"
            )
        return manifest

    def stamp(self, root: AnyPath, path: AnyPath) -> str:
        """A text for the version of a file, the same in a copy: its hash if recorded, or its name and size."""
        name = relative_name(root, path)
        if name in self.files:
            return self.files[name].sha256
        return f"{name} {path.stat().st_size}"

    def file_of_episode(self, prefix: str, episode: int) -> tuple[str, int] | None:
        """The file under `prefix` with `episode`, and how many episodes precede it there."""
        for name, entry in self.files.items():
            if name.startswith(prefix) and entry.episodes and entry.episodes[0] <= episode <= entry.episodes[1]:
                return name, episode - entry.episodes[0]
        return None

    def check(self, root: AnyPath, name: str, *, full: bool) -> None:
        """Compare one file with its entry, if it has one: by size, or with `full` also by hash.

        Raises:
            DataError: the file is missing, truncated or altered; names the episodes in it.
        """
        if name not in self.files:
            return
        entry, path = self.files[name], root / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            wrong = "is missing"
        elif size < entry.size:
            wrong = f"is truncated: expected {entry.size} bytes, got {size}"
        elif size > entry.size or (full and sha256_file(path) != entry.sha256):
            wrong = "was altered since it was recorded"
        else:
            return
        raise DataError(f"{path} {wrong}; in it: {entry.contents}. {ADVICE}")


def _digest(entries: Any) -> str:
    return hashlib.sha256(canonical_json(entries).encode()).hexdigest()
