"""Bytes on a disk that may be full."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from praxia.core.errors import RecordingError
from praxia.data.layout import num_staged

__all__ = ["json_bytes", "out_of_space", "write_synced"]


def json_bytes(value: Any) -> bytes:
    """`value` as readable JSON, keys in the order given. Refuses NaN and infinity."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_synced(path: Path, data: bytes | memoryview) -> None:
    """Write and fsync, making the folders above: for files that count only once `info.json` is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


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
