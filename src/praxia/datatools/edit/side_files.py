"""Side files"""

import json
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json
from praxia.data.disk import json_bytes, write_synced
from praxia.data.layout import EMBODIMENT, PLAN, RECORDS, STATES
from praxia.data.parquet import native
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.output import Folder, ParquetFiles
from praxia.datatools.edit.rows import cut

__all__ = ["take_over_others", "write_side_files", "write_states"]

SUBTASKS = "meta/subtasks.parquet"
EDITS = "edits"


def write_side_files(folder: Folder, change: Change) -> None:
    """Write the records, the embodiment and the plan of a data set of ours.

    The plan is what the sources' plans agree in, and under "edits" how the data set came to be: each operation, and of
    which data sets (content_sha256 and their plans where they differ).
    """
    embodiment = change.sources[0].embodiment
    assert embodiment is not None
    write_synced(folder.root / RECORDS, _records(change))
    write_synced(folder.root / EMBODIMENT, json_bytes(change.names.declared_embodiment(embodiment).to_json()))
    write_synced(folder.root / PLAN, json_bytes(json.loads(canonical_json(_plan(change)))))


def _records(change: Change) -> bytes:
    lines = []
    for part in change.parts:
        for episode, begin, length in zip(
            part.episode.tolist(), part.begin.tolist(), part.length.tolist(), strict=True
        ):
            record = dict(part.source.records[episode])
            record |= {"episode_index": len(lines), "instruction": change.names.instruction(record["instruction"])}
            cut = [begin, int(part.source.lengths[episode]) - begin - length]
            if any(cut):
                before = record.get("trimmed", [0, 0])
                record["trimmed"] = [before[0] + cut[0], before[1] + cut[1]]
            lines.append(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _plan(change: Change) -> dict[str, Any]:
    plans = [source.plan for source in change.sources]
    shared = {name: value for name, value in plans[0].items() if all(plan.get(name) == value for plan in plans)}
    hashes = [source.manifest.content_sha256 for source in change.sources]
    said: dict[str, Any] = {"of": hashes, **change.operation}
    if any(plan != plans[0] for plan in plans):
        return shared | {EDITS: [said | {"plans": plans}]}
    return shared | {EDITS: [*plans[0].get(EDITS, []), said]}


def take_over_others(folder: Folder, change: Change, named: Sequence[Set[str]]) -> list[str]:
    """Files that nobody here knows, as they are; the names of those that are left out.

    Where several sources are merged these are taken over that are the same in all, and the images that the rows of
    one name by their path: `named`, for each source.

    Raises:
        MismatchError: sources to be merged number their subtasks differently, or name different images alike.
    """
    found = [source.others() for source in change.sources]
    images = set().union(*named)
    left_out = {name for _, homeless in found for name in homeless if name not in images}
    files = [others | {name: homeless[name] for name in images & set(homeless)} for others, homeless in found]
    for name in dict.fromkeys(name for one in files for name in one):
        owners = [(source, one[name]) for source, one in zip(change.sources, files, strict=True) if name in one]
        (source, path), *more = owners
        alike = all(path.read_bytes() == other.read_bytes() for _, other in more)
        if name in images and not alike:
            raise MismatchError(
                f"{' and '.join(str(source.root) for source, _ in owners)} have different images {name}, which their"
                " rows refer to by path: expected another path for each"
            )
        if name in images or (alike and len(owners) == len(found)):
            folder.take_over(source, path, name)
        else:
            left_out.add(name)
    if SUBTASKS in left_out:
        raise MismatchError(
            f"{' and '.join(str(source.root) for source in change.sources)} have different {SUBTASKS}, which their rows"
            " refer to by number: expected the same in all"
        )
    return sorted(left_out)


def write_states(folder: Folder, change: Change) -> None:
    """Write praxia/states/. A file whose episodes all stay whole, under their old numbers, is taken over.

    Raises:
        DataError: a file was altered.
    """
    files = ParquetFiles(folder, STATES, "zstd")
    for part in change.parts:
        source, numbers = part.source, part.source.numbers[part.episode]
        for path, (first, last) in source.states():
            kept = np.arange(*np.searchsorted(numbers, [first, last + 1]))
            if len(kept) == 0:
                continue
            number = change.number(part) + int(kept[0])
            if len(kept) == last - first + 1 and number == first and not part.trimmed[kept].any():
                files.take_over(source, path, (first, last))
                continue
            source.manifest.check(source.root, source.name(path), full=True)
            rows = pq.read_table(native(path), columns=["episode_index", "state"])
            starts = np.searchsorted(rows["episode_index"].to_numpy(), numbers[kept])
            length = part.length[kept]
            states = cut(rows, starts + part.begin[kept], length)
            begins = np.cumsum(length) - length
            table = pa.table(
                {
                    "episode_index": np.repeat(number + np.arange(len(kept)), length),
                    "frame_index": np.arange(len(states)) - np.repeat(begins, length),
                    "state": states["state"],
                }
            )
            # Neighbours of one length are written together: ten thousand calls of the writer would take seconds.
            for run in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(length)) + 1):
                rows_a_group = int(length[run[0]])
                piece = table.slice(begins[run[0]], len(run) * rows_a_group)
                files.add(piece, (number + int(run[0]), number + int(run[-1])), rows_a_group)
    files.close()
