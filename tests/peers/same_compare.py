"""What two versions wrote, name by name: JSON, tensors, tables and other files as flat values that can be compared."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors import safe_open

__all__ = ["Names", "differences", "mapped"]

Pairs = Sequence[tuple[str, str]]
Flat = dict[str, Any]
ABSENT = "(absent)"
# Nobody compares what is the machine's or the moment's: locks, caches of pictures, logs for other programs.
PASSED_OVER = re.compile(r"(^|/)(\.[^/]*lock|\.cache|tensorboard)(/|$)")


@dataclass(frozen=True)
class Names:
    """How names of before are called now, as (regular expression, replacement), applied one after another.

    `keys` are sought in "FILE:PATH/KEY", where PATH has the names of before, and what is then behind the last slash is
    the new key; columns of tables are keys too, and a slash within a key is written | here. `values` are sought in
    "FILE:PATH/KEY=VALUE", and what is behind the first "=" is the new value, a text as it is and anything else as JSON.
    FILE is relative to what is compared, such as the folder of a data set, of a policy or of results. `tensors` are
    sought in "NAME [SHAPE]", `files` in names of files. `ignored` are keys of before that are not compared, wherever
    they stand.
    """

    keys: Pairs = ()
    values: Pairs = ()
    tensors: Pairs = ()
    files: Pairs = ()
    ignored: frozenset[str] = frozenset()

    def key(self, where: str, key: str) -> str:
        return mapped(f"{where}/{_plain(key)}", self.keys).rsplit("/", 1)[-1]

    def tensor(self, name: str, shape: Sequence[int]) -> str:
        return mapped(f"{name} {list(shape)}", self.tensors).split(" ")[0]

    def value(self, where: str, value: Any) -> Any:
        text = value if isinstance(value, str) else json.dumps(value)
        found = mapped(f"{where}={text}", self.values).split("=", 1)[1] if self.values else text
        return value if found == text else found if isinstance(value, str) else json.loads(found)


def mapped(text: str, pairs: Pairs) -> str:
    """`text` with every replacement made."""
    for pattern, replacement in pairs:
        text = re.sub(pattern, replacement, text)
    return text


def differences(before: Path, after: Path, names: Names) -> tuple[list[str], int]:
    """Lines that say where two files or folders differ, and how many values were compared."""
    found, count = [], 0
    theirs = dict(_files(after))
    if before.is_file():
        ours = {after.name: before}
    else:
        ours = {mapped(name, names.files): path for name, path in _files(before)}
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            found.append(f"{name}: only {'before' if name in ours else 'now'}")
            continue
        old, new = _read(ours[name], name, names), _read(theirs[name], name, Names(ignored=_now(names)))
        count += len(new)
        for place in sorted({*old, *new}):
            one, other = old.get(place, ABSENT), new.get(place, ABSENT)
            if type(one) is not type(other) or one != other:
                found.append(f"{place}: was {_short(one)}, is {_short(other)}")
    return found, count


def _now(names: Names) -> frozenset[str]:
    """What is ignored, as it is called now."""
    return frozenset(names.key("", key) for key in names.ignored)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    if root.is_file():
        yield root.name, root
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not PASSED_OVER.search(name):
            yield name, path


def _read(path: Path, name: str, names: Names) -> Flat:
    if path.suffix == ".json":
        return dict(_flat(json.loads(path.read_text()), f"{name}:", f"{name}:", names))
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return dict(_flat(lines, f"{name}:", f"{name}:", names))
    if path.suffix == ".safetensors":
        return _read_tensors(path, name, names)
    if path.suffix == ".parquet":
        return _read_table(path, name, names)
    return {name: _digest(path.read_bytes())}


def _read_tensors(path: Path, name: str, names: Names) -> Flat:
    with safe_open(path, framework="numpy") as file:
        about = {key: json.loads(value) for key, value in (file.metadata() or {}).items() if key != "format"}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    found = {f"{name}:{names.tensor(key, value.shape)}": _described(value) for key, value in tensors.items()}
    return {**found, **dict(_flat(about, f"{name}:", f"{name}:", names))}


def _read_table(path: Path, name: str, names: Names) -> Flat:
    table, found = pq.read_table(path), Flat()
    for column in table.column_names:
        values = table[column]
        key = names.key(f"{name}:", column)
        found[f"{name}:{key}"] = f"{values.type} [{len(values)}] {_digest(repr(values.to_pylist()).encode())}"
    about = {key.decode(): json.loads(value) for key, value in (table.schema.metadata or {}).items()}
    return {**found, **dict(_flat(about, f"{name}:", f"{name}:", names))}


def _described(value: np.ndarray) -> str:
    return f"{value.dtype} {list(value.shape)} {_digest(value.tobytes())}"


def _flat(value: Any, was: str, now: str, names: Names) -> Iterator[tuple[str, Any]]:
    """Each number, text, truth or empty container by its path: `was` has the names of before, `now` those of now."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if key not in names.ignored:
                yield from _flat(item, f"{was}/{_plain(key)}", f"{now}/{names.key(was, key)}", names)
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            yield from _flat(item, f"{was}/{at}", f"{now}/{at}", names)
    else:
        yield now, names.value(was, value)


def _plain(key: str) -> str:
    """A key without slashes, which paths are made of."""
    return key.replace("/", "|")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _short(value: Any) -> str:
    text = value if value == ABSENT else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
