"""Files that are either there in full or not at all, and what a full disk says."""

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from praxia.core.errors import RecordingError
from praxia.data.layout import STAGING

__all__ = ["json_bytes", "num_staged", "out_of_space", "sha256_of", "sync", "write_bytes", "write_whole"]

EPISODE_PREFIX = "episode-"


def json_bytes(value: Any) -> bytes:
    """`value` as readable JSON, keys in the order given. Refuses NaN and infinity."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file's bytes or a folder's names survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write and fsync; for files inside a folder that only counts once it is renamed or committed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes) -> None:
    """Write to a neighbour, fsync, rename onto `path`: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write_bytes(temporary, data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def num_staged(root: Path) -> int:
    """How many whole episodes wait in the staging folder of `root`."""
    return sum(1 for _ in (root / STAGING).glob(f"{EPISODE_PREFIX}*"))


@contextmanager
def out_of_space(root: Path, doing: str) -> Iterator[None]:
    """Turn a full disk (or quota) into the RecordingError that says what was kept and how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RecordingError(
            f"no space left on the disk of {root} while {doing}; kept: {num_staged(root)} whole episodes staged there. "
            "Free some space and run the same command again with --resume"
        ) from error
