"""Bytes and SHA-256 of every file of a data set, and which episodes are in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError
from praxia.core.keys import canonical_json
from praxia.data.layout import MANIFEST
from praxia.data.whole import json_bytes, sha256_of

__all__ = ["FileEntry", "Manifest", "content_sha256"]


@dataclass(frozen=True)
class FileEntry:
    """One file: its size, its hash and its first and last episode (None: it concerns all of them)."""

    size: int
    sha256: str
    episodes: tuple[int, int] | None

    def to_json(self) -> dict[str, Any]:
        return {"bytes": self.size, "sha256": self.sha256, "episodes": self.episodes and list(self.episodes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FileEntry":
        return cls(value["bytes"], value["sha256"], value["episodes"] and tuple(value["episodes"]))


def content_sha256(files: Mapping[str, FileEntry]) -> str:
    """The hash of a data set: over every file's path and hash, in order of path."""
    return hashlib.sha256(canonical_json({name: entry.sha256 for name, entry in files.items()}).encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """All files of one data set, by path relative to its root."""

    files: Mapping[str, FileEntry]

    @property
    def content_sha256(self) -> str:
        return content_sha256(self.files)

    @classmethod
    def of(cls, root: Path, episodes: Mapping[str, tuple[int, int]], coming: Mapping[str, bytes]) -> "Manifest":
        """Hash what is on disk, and `coming`, files that will be written after the manifest."""
        files = {}
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            if not name.startswith("."):
                files[name] = FileEntry(path.stat().st_size, sha256_of(path), episodes.get(name))
        for name, data in coming.items():
            files[name] = FileEntry(len(data), hashlib.sha256(data).hexdigest(), None)
        return cls(files)

    def to_bytes(self) -> bytes:
        entries = {name: entry.to_json() for name, entry in sorted(self.files.items())}
        return json_bytes({"content_sha256": self.content_sha256, "files": entries})

    @classmethod
    def read(cls, root: Path) -> "Manifest":
        """
        Raises:
            DataError: a manifest that is not JSON, or whose entries do not add up to its own content_sha256.
        """
        try:
            value = json.loads((root / MANIFEST).read_bytes())
            manifest = cls({name: FileEntry.from_json(entry) for name, entry in value["files"].items()})
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{root / MANIFEST} is damaged ({error}); restore it from a copy of the data set") from error
        if manifest.content_sha256 != value["content_sha256"]:
            raise DataError(f"{root / MANIFEST} was altered: its entries do not add up to its content_sha256")
        return manifest

    def check(self, root: Path, name: str, *, full: bool) -> None:
        """One file against its entry: by size, or with `full` also by hash.

        Raises:
            DataError: naming the file, what is wrong and which episodes are in it.
        """
        entry, path = self.files[name], root / name
        if not path.is_file():
            raise DataError(f"{path} is missing; in it: {_episodes(entry)}. {_ADVICE}")
        size = path.stat().st_size
        if size < entry.size:
            raise DataError(f"{path} is truncated: expected {entry.size} bytes, got {size}; in it: {_episodes(entry)}. {_ADVICE}")
        if size != entry.size or (full and sha256_of(path) != entry.sha256):
            raise DataError(f"{path} was altered since it was recorded; in it: {_episodes(entry)}. {_ADVICE}")


_ADVICE = "Restore the file from a copy, or record the data set again with `praxia collect`"


def _episodes(entry: FileEntry) -> str:
    if entry.episodes is None:
        return "all episodes"
    first, last = entry.episodes
    return f"episode {first}" if first == last else f"episodes {first} to {last}"
