"""Writes the results of edits: new data sets, each in a new folder, complete or not at all."""

import errno
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, PraxiaError, RecordingError
from praxia.core.files import remove_leftovers, staged_folder
from praxia.data.finalize import write_tasks
from praxia.data.layout import EPISODES, INFO, MANIFEST, STATS, chunk_and_file, json_bytes, write_synced
from praxia.data.manifest import FileEntry, Manifest
from praxia.data.parquet import parquet_bytes
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.meta import new_episode_table, new_info, new_statistics
from praxia.datatools.edit.output import OutputFolder, link_videos
from praxia.datatools.edit.rows import write_rows
from praxia.datatools.edit.side_files import link_unknown_files, write_side_files, write_states

__all__ = ["expect_new", "write"]


def write(changes: Sequence[Change], outs: Sequence[Path]) -> list[dict[str, Any]]:
    """Write each of `changes` to the folder of `outs` beside it; returns what was done, as JSON values.

    All are built in temporary folders and then renamed: a kill leaves no partial data set, and the leftovers of an
    earlier kill are removed first. Folders that another process is writing are left alone.

    Raises:
        DataError: a source whose files do not match its metadata.
        MismatchError: incompatible sources.
        RecordingError: the disk is full; nothing remains, and the sources are unchanged.
        PraxiaError: a folder that already exists, is inside a source, or is being written by another process.
    """
    expect_new(changes, outs)
    for out in outs:
        remove_leftovers(out.parent, out.name)
    try:
        with ExitStack() as stack:
            done = [
                _build(stack.enter_context(staged_folder(out)), change) | {"out": str(out)}
                for change, out in zip(changes, outs, strict=True)
            ]
            expect_new(changes, outs)  # another process may have created one meanwhile
            return done
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RecordingError(
            f"no space left on the disk of {outs[0]}; nothing was written there, and the source is unchanged. "
            "Free some space and run the same command again"
        ) from error


def expect_new(changes: Sequence[Change], outs: Sequence[Path]) -> None:
    """Refuse folders that already exist, or that are inside one another or a source.

    Raises:
        PraxiaError: names the folder.
    """
    for at, out in enumerate(outs):
        if out.exists() or out in outs[:at]:
            raise PraxiaError(f"expected a new folder as --out, got {out}, which already exists")
        for other in outs:
            if other.absolute() in out.absolute().parents:
                raise PraxiaError(f"expected folders beside each other as --out, got {out} within {other}")
        for source in (source for change in changes for source in change.sources):
            if isinstance(source.root, Path) and out.resolve().is_relative_to(source.root.resolve()):
                raise PraxiaError(f"expected --out outside of the data set that is edited, got {out} in {source.root}")


def _build(root: Path, change: Change) -> dict[str, Any]:
    _expect_frames(change)
    folder, source = OutputFolder(root), change.sources[0]
    rows = write_rows(folder, change)
    videos = {change.names.feature(key): link_videos(folder, change, key) for key in source.features("video")}
    table = new_episode_table(change, rows, {key: columns for key, (columns, _) in videos.items()})
    statistics, bounds = new_statistics(change, rows, table)
    write_synced(root / EPISODES.format(**chunk_and_file(0)), parquet_bytes(table))
    write_tasks(root, change.tasks)
    # Plain json.dumps, because data sets with NaN or infinite numbers must be editable too.
    write_synced(root / STATS, json.dumps(statistics, indent=1).encode())
    left_out = [
        *link_unknown_files(folder, change, rows.image_paths),
        *(key for part_source in change.sources for key in part_source.missing_features),
    ]
    info = json_bytes(new_info(change, {name: n for _, frames in videos.values() for name, n in frames.items()}))
    content_sha256 = None
    if source.written_by_praxia:
        write_states(folder, change)
        write_side_files(folder, change)
        info_entry = FileEntry(len(info), hashlib.sha256(info).hexdigest(), None)
        manifest = Manifest({**folder.entries(), INFO: info_entry})
        write_synced(root / MANIFEST, manifest.to_bytes())
        content_sha256 = manifest.content_sha256
    write_synced(root / INFO, info)
    return {
        "episodes": len(change.lengths),
        "frames": int(change.lengths.sum()),
        "bytes_linked": folder.bytes_linked,
        "bytes_written": folder.num_bytes - folder.bytes_linked,
        "image_quantiles_within": bounds,
        "left_out": left_out,
        "content_sha256": content_sha256,
    }


def _expect_frames(change: Change) -> None:
    for part in change.parts:
        empty = part.episode[part.length < 1]
        if len(empty):
            raise DataError(f"episode {empty[0]} of {part.source.root} has no frames; delete it first")
    if not len(change.lengths):
        raise PraxiaError(f"nothing of {change.sources[0].root} would be left; a data set needs at least one episode")
