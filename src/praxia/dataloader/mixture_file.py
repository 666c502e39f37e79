"""Mixture files: JSON that says which data sets are mixed, and how.

    {"rate_hz": 15, "temperature": 2, "sizes": {"front": [224, 224]},
     "parts": [{"data": "gantry", "cameras": {"front": "top", "wrist": null}},
               {"data": "../arm", "tasks": ["push"], "fields": {"action": {"move": "ee_delta"}}}]}

Folders are relative to the file. All keys but "parts" and "data" may be left out, and no other key is taken.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from praxia.core.embodiment import Field, Kind
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.core.paths import from_home, named_paths
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import Fields, View

__all__ = ["find_mixture", "read_mixture"]

HELP = "praxia data mix --help"
KEYS = ("rate_hz", "temperature", "sizes", "parts")
PART_KEYS = ("data", "weight", "tasks", "episodes", "body", "cameras", "fields")
FIELD_KEYS = ("name", "size", "kind", "unit", "frame", "low", "high")


def find_mixture(data: str) -> MixtureConfig:
    """What `--data` names: a mixture file, or data sets' folders with commas between them.

    Raises:
        PraxiaError: no name before or after a comma. And as `read_mixture`.
    """
    if data.endswith(".json") and not Path(data).is_dir():
        return read_mixture(Path(data))
    folders = named_paths(data)
    if "" in folders:
        raise PraxiaError(f"expected a mixture file (.json), or folders with commas between them, got {data!r}")
    return MixtureConfig.of([from_home(folder) for folder in folders])


def read_mixture(path: Path) -> MixtureConfig:
    """The mixture that a file describes.

    Raises:
        DataError: a file that is missing, no JSON, or holds a value of another form; names the place in it.
        UnknownName: a key that a mixture does not have, with the nearest that it has.
        PraxiaError: as `MixtureConfig`.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=partial(_once, str(path)))
    except FileNotFoundError:
        raise DataError(f"expected a mixture file at {path}, got nothing; see `{HELP}`") from None
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON: {error}") from None
    whole = _table(value, str(path), KEYS)
    parts = _list(whole.get("parts"), f"{path}: parts")
    if not parts:
        raise DataError(f"{path}: parts: expected at least one data set, got none")
    sizes = _table(whole.get("sizes", {}), f"{path}: sizes")
    return MixtureConfig(
        parts=tuple(_part(one, f"{path}: parts[{at}]", path.parent) for at, one in enumerate(parts)),
        rate_hz=_number(whole.get("rate_hz"), f"{path}: rate_hz"),
        temperature=_number(whole.get("temperature"), f"{path}: temperature", least=1.0),
        sizes={name: _size(size, f"{path}: sizes.{name}") for name, size in sizes.items()},
    )


def _part(value: Any, where: str, folder: Path) -> DatasetEntry:
    table = _table(value, where, PART_KEYS)
    if not isinstance(table.get("data"), str):
        raise _other(f"{where}.data", "a data set's folder", table.get("data"))
    data = table["data"]
    cameras = _table(table.get("cameras", {}), f"{where}.cameras")
    fields = _table(table.get("fields", {}), f"{where}.fields", ("state", "action"))
    for name, source in cameras.items():
        if source is not None and not isinstance(source, str):
            raise _other(f"{where}.cameras.{name}", "the data set's name of that camera, or null", source)
    if not isinstance(table.get("body", ""), str):
        raise _other(f"{where}.body", "an embodiment's name", table["body"])
    view = View(
        name=table.get("body"),
        cameras=cameras,
        state=_fields(fields.get("state", {}), f"{where}.fields.state"),
        action=_fields(fields.get("action", {}), f"{where}.fields.action"),
    )
    return DatasetEntry(
        data=data if "://" in data else str(folder / from_home(data)),
        view=view,
        weight=_number(table.get("weight"), f"{where}.weight"),
        tasks=_items(table.get("tasks"), str, f"{where}.tasks"),
        episodes=_items(table.get("episodes"), int, f"{where}.episodes"),
    )


def _fields(value: Any, where: str) -> Fields:
    if not isinstance(value, list):
        table = _table(value, where)
        for name, own in table.items():
            if not isinstance(own, str):
                raise _other(f"{where}.{name}", "the data set's name of that field", own)
        return table
    return tuple(_field(one, f"{where}[{at}]") for at, one in enumerate(value))


def _field(value: Any, where: str) -> Field:
    table = _table(value, where, FIELD_KEYS)
    if not isinstance(table.get("name"), str) or not _is(table.get("size"), int) or table["size"] < 1:
        raise _other(where, 'a field, {"name": NAME, "size": a whole number, "kind": KIND}', dict(table))
    if table.get("kind") not in get_args(Kind):
        raise UnknownName(f"kind ({where})", str(table.get("kind")), get_args(Kind), HELP)
    for key in ("unit", "frame"):
        if not isinstance(table.get(key, ""), str):
            raise _other(f"{where}.{key}", "text", table[key])
    for key in ("low", "high"):
        if table.get(key) is not None and not _is(table[key], int, float):
            raise _other(f"{where}.{key}", "a number or null", table[key])
    bounds = {key: float(table[key]) for key in ("low", "high") if table.get(key) is not None}
    return Field(**{"unit": "", **table, **bounds})


def _once(where: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a key that is there twice the last alone would count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DataError(f"{where}: expected {max(keys, key=keys.count)!r} once in an object, got it twice")
    return found


def _table(value: Any, where: str, keys: Collection[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _other(where, "an object, {...}", value)
    for key in value:
        if keys is not None and key not in keys:
            raise UnknownName(f"key ({where})", key, keys, HELP)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _other(where, "a list, [...]", value)
    return value


def _items(value: Any, kind: type, where: str) -> tuple[Any, ...] | None:
    if value is None:
        return None
    items = _list(value, where)
    if not items or not all(_is(one, kind) for one in items):
        raise _other(where, "a list of names" if kind is str else "a list of whole numbers", value)
    return tuple(items)


def _number(value: Any, where: str, least: float = 0.0) -> float | None:
    if value is None:
        return None
    if not _is(value, int, float) or not math.isfinite(value) or value <= 0 or value < least:
        raise _other(where, f"a number of at least {least:g}" if least else "a number above 0", value)
    return float(value)


def _size(value: Any, where: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is(one, int) and one > 0 for one in value):
        raise _other(where, "[height, width] in pixels", value)
    return (value[0], value[1])


def _is(value: Any, *kinds: type) -> bool:
    """JSON's true is no number."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def _other(where: str, expected: str, got: Any) -> DataError:
    return DataError(f"{where}: expected {expected}, got {json.dumps(got)[:80]}")
