"""What lies beside LeRobot's files in a data set of ours, and files that nobody here knows."""

import json
from collections.abc import Sequence, Set
from typing import Any

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json
from praxia.data.disk import json_bytes, write_synced
from praxia.data.layout import EMBODIMENT, PLAN, RECORDS
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.folder import Folder

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
