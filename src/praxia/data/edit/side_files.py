"""What lies beside LeRobot's files in a data set of ours, and files that nobody here knows."""

import json
from typing import Any

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json
from praxia.data.disk import json_bytes, write_synced
from praxia.data.edit.change import Change
from praxia.data.edit.folder import Folder
from praxia.data.layout import EMBODIMENT, PLAN, RECORDS

__all__ = ["take_over_others", "write_side_files"]

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
    write_synced(folder.root / EMBODIMENT, json_bytes(change.names.body(embodiment).to_json()))
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


def take_over_others(folder: Folder, change: Change) -> list[str]:
    """Files of a data set of another writer that are neither rows, pictures nor known tables, as they are.

    Where several sources are merged these are taken over that are the same in all; the names of the rest are returned.

    Raises:
        MismatchError: sources to be merged number their subtasks differently.
    """
    if change.sources[0].ours:
        return []
    first, *more = change.sources
    mine = {first.name(path): path for path in first.others()}
    theirs = [{source.name(path): path for path in source.others()} for source in more]
    left_out = {name for files in theirs for name in files}
    for name, path in mine.items():
        if all(name in files and path.read_bytes() == files[name].read_bytes() for files in theirs):
            folder.take_over(first, path, name)
            left_out.discard(name)
        else:
            left_out.add(name)
    if SUBTASKS in left_out:
        raise MismatchError(
            f"{' and '.join(str(source.root) for source in change.sources)} have different {SUBTASKS}, which their rows"
            " refer to by number: expected the same in all"
        )
    return sorted(left_out)
