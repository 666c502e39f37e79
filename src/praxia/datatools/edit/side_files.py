"""Writes the side files of Praxia's data sets (records, embodiment, plan, simulator states) and keeps unknown files."""

import json
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json
from praxia.data.layout import EMBODIMENT, PLAN, RECORDS, STATES, json_bytes, write_synced
from praxia.data.parquet import native
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.output import OutputFolder, ParquetFiles
from praxia.datatools.edit.rows import slice_rows

__all__ = ["link_unknown_files", "write_side_files", "write_states"]

SUBTASKS = "meta/subtasks.parquet"
EDITS = "edits"


def write_side_files(folder: OutputFolder, change: Change) -> None:
    """Write the records, the embodiment and the plan of a data set written by Praxia.

    The plan holds what the plans of the sources agree on, and under "edits" the history of the data set: each operation
    with the content_sha256 of its sources, and their plans if they differ.
    """
    embodiment = change.sources[0].embodiment
    assert embodiment is not None
    write_synced(folder.root / RECORDS, _records(change))
    write_synced(folder.root / EMBODIMENT, json_bytes(change.names.rename_embodiment(embodiment).to_json()))
    write_synced(folder.root / PLAN, json_bytes(json.loads(canonical_json(_plan(change)))))


def _records(change: Change) -> bytes:
    lines = []
    for part in change.parts:
        for episode, begin, length in zip(
            part.episode.tolist(), part.begin.tolist(), part.length.tolist(), strict=True
        ):
            record = dict(part.source.records[episode])
            record |= {"episode_index": len(lines), "instruction": change.names.instruction(record["instruction"])}
            removed = [begin, int(part.source.lengths[episode]) - begin - length]
            if any(removed):
                before = record.get("trimmed", [0, 0])
                record["trimmed"] = [before[0] + removed[0], before[1] + removed[1]]
            lines.append(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _plan(change: Change) -> dict[str, Any]:
    plans = [source.plan for source in change.sources]
    shared = {name: value for name, value in plans[0].items() if all(plan.get(name) == value for plan in plans)}
    hashes = [source.manifest.content_sha256 for source in change.sources]
    entry: dict[str, Any] = {"of": hashes, **change.operation}
    if any(plan != plans[0] for plan in plans):
        return shared | {EDITS: [entry | {"plans": plans}]}
    return shared | {EDITS: [*plans[0].get(EDITS, []), entry]}


def link_unknown_files(folder: OutputFolder, change: Change, image_paths: Sequence[Set[str]]) -> list[str]:
    """Link the files that nothing here knows; returns the names of those left out.

    A merge keeps files that are the same in all sources, and images that the rows of one refer to by path
    (`image_paths`, per source).

    Raises:
        MismatchError: the sources number their subtasks differently, or have different images under one name.
    """
    found = [source.unknown_files() for source in change.sources]
    images = set().union(*image_paths)
    left_out = {name for _, misplaced in found for name in misplaced if name not in images}
    files = [others | {name: misplaced[name] for name in images & set(misplaced)} for others, misplaced in found]
    for name in dict.fromkeys(name for paths in files for name in paths):
        owners = [(source, paths[name]) for source, paths in zip(change.sources, files, strict=True) if name in paths]
        (source, path), *more = owners
        identical = all(path.read_bytes() == other.read_bytes() for _, other in more)
        if name in images and not identical:
            raise MismatchError(
                f"{' and '.join(str(source.root) for source, _ in owners)} have different images {name}, which their"
                " rows refer to by path: expected a different path for each"
            )
        if name in images or (identical and len(owners) == len(found)):
            folder.link(source, path, name)
        else:
            left_out.add(name)
    if SUBTASKS in left_out:
        raise MismatchError(
            f"{' and '.join(str(source.root) for source in change.sources)} have different {SUBTASKS}, which their rows"
            " refer to by number: expected the same in all"
        )
    return sorted(left_out)


def write_states(folder: OutputFolder, change: Change) -> None:
    """Write praxia/states/ with one row group per episode. Files whose episodes are unchanged and keep their numbers
    are linked.

    Raises:
        DataError: a file was altered.
    """
    files = ParquetFiles(folder, STATES, "zstd")
    for part in change.parts:
        source, numbers = part.source, part.source.episode_numbers[part.episode]
        for path, (first, last) in source.state_files():
            kept = np.arange(*np.searchsorted(numbers, [first, last + 1]))
            if len(kept) == 0:
                continue
            number = change.number(part) + int(kept[0])
            if len(kept) == last - first + 1 and number == first and not part.trimmed[kept].any():
                files.link(source, path, (first, last))
                continue
            source.manifest.check(source.root, source.name(path), full=True)
            rows = pq.read_table(native(path), columns=["episode_index", "state"])
            starts = np.searchsorted(rows["episode_index"].to_numpy(), numbers[kept])
            length = part.length[kept]
            states = slice_rows(rows, starts + part.begin[kept], length)
            begins = np.cumsum(length) - length
            table = pa.table(
                {
                    "episode_index": np.repeat(number + np.arange(len(kept)), length),
                    "frame_index": np.arange(len(states)) - np.repeat(begins, length),
                    "state": states["state"],
                }
            )
            # Episodes of one length are written together: ten thousand calls of the writer would take seconds.
            for run in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(length)) + 1):
                rows_per_group = int(length[run[0]])
                rows_of_run = table.slice(begins[run[0]], len(run) * rows_per_group)
                files.add(rows_of_run, (number + int(run[0]), number + int(run[-1])), rows_per_group)
    files.close()
