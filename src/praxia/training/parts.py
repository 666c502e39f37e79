"""The files of a state of which every process writes a part, so that none has it whole. Nothing is pickled.

A file NAME.safetensors may be parts NAME-00001-of-00002.safetensors, ... of which each has its rows of every tensor: a
tensor is what the files have of it, one after the other along its first axis. What is not cut is in the first part.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from praxia.core.errors import DataError, TrainingError
from praxia.core.files import sha256_file, sync_file, sync_folder

__all__ = [
    "WHOLE",
    "Copied",
    "Joined",
    "Part",
    "collect",
    "open_parts",
    "remove_parts",
    "report_failure",
    "save_files",
    "write_part",
]

# The tensors of each file of a state, in memory of the processor.
Copied = Mapping[str, Mapping[str, Tensor]]

# How long the first process waits until the others have written theirs; as long as torch's processes wait.
PATIENCE_S = 1800.0
POLL_S = 0.02


@dataclass(frozen=True)
class Part:
    """Part `number` of `count` of a state, which process `number` writes."""

    number: int = 0
    count: int = 1


WHOLE = Part()


class Joined:
    """A tensor in one file or in parts, read as far as it is asked for: `joined[4:8]`, or all of it, `joined[...]`."""

    def __init__(self, name: str, files: Iterable[Any]):
        self._name, self._files = name, list(files)
        self._shapes = [tuple(one.get_slice(name).get_shape()) for one in self._files]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor."""
        first = self._shapes[0]
        return (sum(one[0] for one in self._shapes), *first[1:]) if first else first

    def __getitem__(self, rows: slice | EllipsisType) -> Tensor:
        if isinstance(rows, EllipsisType):
            parts = [one.get_tensor(self._name) for one in self._files]
            return parts[0] if len(parts) == 1 else torch.cat(parts)
        found, before = [], 0
        for file, shape in zip(self._files, self._shapes, strict=True):
            first, last = max(rows.start - before, 0), min(rows.stop - before, shape[0])
            if first < last:
                found.append(file.get_slice(self._name)[first:last])
            before += shape[0]
        if found:
            return torch.cat(found)
        return self._files[0].get_slice(self._name)[:0]


def open_parts(folder: Path, name: str) -> dict[str, Joined]:
    """The tensors of `folder/NAME.safetensors`, or of its parts, by their names.

    Raises:
        DataError: a file cannot be read.
    """
    pattern = re.compile(rf"{re.escape(name)}(-\d{{5}}-of-\d{{5}})?\.safetensors")
    paths = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    files = [_opened(path) for path in paths]
    names = {key: [one for one in files if key in set(one.keys())] for file in files for key in file.keys()}  # noqa: SIM118
    return {key: Joined(key, having) for key, having in names.items()}


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, "pt")
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is missing or altered") from error


def save_files(folder: Path, copied: Copied, part: Part) -> dict[str, str]:
    """Write a part of a state into `folder`, and return the SHA-256 of its files by their names."""
    suffix = f"-{part.number + 1:05d}-of-{part.count:05d}" if part.count > 1 else ""
    digests = {}
    for name, tensors in copied.items():
        path = folder / f"{name}{suffix}.safetensors"
        save_file(dict(tensors), path)
        digests[path.name] = sha256_file(path)
    return digests


def write_part(folder: Path, copied: Copied, part: Part) -> None:
    """Write a part into `folder` beside the others, for the first process to collect."""
    folder.mkdir(parents=True, exist_ok=True)
    _begun(folder, part).touch()
    digests = save_files(folder, copied, part)
    for name in digests:
        sync_file(folder / name)
    sync_folder(folder)
    _report(folder, part, {"sha256": digests})


def report_failure(folder: Path, part: Part, error: Exception) -> None:
    """Tell the first process that a part could not be written: why or, where the disk has no room for that, only that.

    Where not even that can be told, the first process hears nothing.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _report(folder, part, {"error": str(error)})
        except OSError:
            # Made when there was room; to empty and to rename it takes none.
            begun = _begun(folder, part)
            os.truncate(begun, 0)
            begun.rename(_report_path(folder, part.number))


def _begun(folder: Path, part: Part) -> Path:
    """A file of a process that has begun to write its part: empty, and in the end its report."""
    return folder / f"{part.number}.begun"


def _report_path(folder: Path, number: int) -> Path:
    return folder / f"{number}.json"


def _report(folder: Path, part: Part, value: Mapping[str, Any]) -> None:
    """The last that a process does in `folder`, which the first process may then remove at any time."""
    begun = _begun(folder, part)
    begun.write_text(json.dumps(value))
    begun.rename(_report_path(folder, part.number))


def collect(folder: Path, stage: Path, count: int) -> dict[str, str]:
    """Move the `count` parts in `folder` to `stage` as they come; the SHA-256 of all files by their names.

    Raises:
        TrainingError: a process could not write its part, or did not for half an hour.
    """
    digests: dict[str, str] = {}
    for number in range(count):
        report, end_s = _report_path(folder, number), time.monotonic() + PATIENCE_S
        while not report.exists():
            if time.monotonic() > end_s:
                raise TrainingError(f"process {number} has not written {report} in half an hour; resume with --resume")
            time.sleep(POLL_S)
        # Empty: there was no room for a report.
        value = json.loads(report.read_text() or '{"error": "its disk is full, or broken"}')
        if "error" in value:
            raise TrainingError(f"process {number} could not write its part of a state: {value['error']}")
        for name, digest in value["sha256"].items():
            (folder / name).rename(stage / name)
            digests[name] = digest
    shutil.rmtree(folder)
    return digests


def remove_parts(folder: Path) -> None:
    """Remove parts of states in `folder` that were not collected before all processes were killed."""
    for left in folder.glob(".*.parts"):
        shutil.rmtree(left)
