"""Mixtures: which data sets, how each is read and how often, as a value and as a JSON file.

    {"rate_hz": 15, "temperature": 2, "sizes": {"front": [224, 224]}, "dreamed": 0.5, "generations": 1,
     "parts": [{"data": "gantry", "cameras": {"front": "top", "wrist": null}},
               {"data": "../arm", "tasks": ["push"], "fields": {"action": {"move": "ee_delta"}}}]}

Folders are relative to the file. All keys but "parts" and "data" are optional, and others are refused.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from math import lcm
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Int64

from praxia.core.embodiment import Camera, Field, Kind
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.files import expand_home, split_paths
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.dreamed import MOST_DREAMED, MOST_GENERATIONS, expect_capped
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.view import DatasetView, Fields
from praxia.dataloader.windows import Windows

__all__ = ["DatasetEntry", "MixtureConfig", "find_mixture", "read_mixture"]

# A smaller share would make the rounds of the order long, and contribute nothing.
LEAST_SHARE = Fraction(1, 1_000_000)

# Roots of the sizes become whole numbers on this scale, so that the last bit of a power has no influence.
ROOT_SCALE = 2**32


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of a mixture: its folder, how it is read, which of its episodes, and its relative share."""

    data: str
    view: DatasetView = field(default_factory=DatasetView)
    weight: float | None = None
    tasks: tuple[str, ...] | None = None
    episodes: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields but the folder, without those that are not set."""
        options = {"weight": self.weight, "tasks": self.tasks, "episodes": self.episodes}
        given = {name: value for name, value in options.items() if value is not None}
        return {**self.view.to_json(), **{name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}}

    def select_episodes(self, dataset: Dataset, *, successful: bool) -> Int64[np.ndarray, " K"]:
        """The numbers of the episodes to train on.

        Raises:
            UnknownName: no episode has that task. MismatchError: no episode has that number.
        """
        selected = dataset.select(self.tasks, successful=successful)
        if self.episodes is None:
            return selected
        if beyond := [number for number in self.episodes if not 0 <= number < dataset.num_episodes]:
            raise MismatchError(f"expected episodes 0 to {dataset.num_episodes - 1} of {dataset.root}, got {beyond[0]}")
        return selected[np.isin(selected, self.episodes)]


@dataclass(frozen=True)
class MixtureConfig:
    """Data sets and how they are mixed. Without weights and temperature every window is equally likely.

    An entry's `weight` is its share, relative to the others'. `temperature` T, at least 1, makes the shares
    proportional to (windows of the entry)^(1/T): 1 is proportional to size, higher values are more even. `rate_hz` is
    the rate of the windows' steps; None: the data's, which must then be one. `sizes` are (height, width) of images by
    camera. At most a share `dreamed` of the rows is of worlds' dreams, of at most so many `generations` (`dreamed`).

    Source: sampling with a temperature, Arivazhagan et al. 2019 (arXiv 1907.05019, T = 5), of data sets in place of
    languages. mT5 (arXiv 2010.11934) writes the exponent 1/T as alpha = 0.3.

    Raises:
        PraxiaError: weights for some entries only, or both weights and a temperature.
    """

    entries: tuple[DatasetEntry, ...]
    rate_hz: float | None = None
    temperature: float | None = None
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    dreamed: float = MOST_DREAMED
    generations: int = MOST_GENERATIONS

    def __post_init__(self) -> None:
        weighted = [entry.data for entry in self.entries if entry.weight is not None]
        if weighted and self.temperature is not None:
            raise PraxiaError("expected weights or a temperature, got both; leave one of them out")
        if weighted and len(weighted) < len(self.entries):
            missing = next(entry.data for entry in self.entries if entry.weight is None)
            raise PraxiaError(
                f"expected a weight for all data sets or for none, got one for {weighted[0]} but none for {missing}"
            )

    @classmethod
    def of(cls, folders: Sequence[str | Path]) -> "MixtureConfig":
        """The given data sets as they are, every window equally likely."""
        return cls(tuple(DatasetEntry(str(folder)) for folder in folders))

    def to_json(self) -> dict[str, Any] | None:
        """As in a mixture file, without the folders; None: the data sets as they are, every window equally likely."""
        entries = [entry.to_json() for entry in self.entries]
        sizes = {name: list(size) for name, size in self.sizes.items()}
        options = {"rate_hz": self.rate_hz, "temperature": self.temperature, "sizes": sizes}
        caps = {"dreamed": (self.dreamed, MOST_DREAMED), "generations": (self.generations, MOST_GENERATIONS)}
        given = {name: value for name, value in options.items() if value}
        given |= {name: value for name, (value, default) in caps.items() if value != default}
        return {**given, "parts": entries} if given or any(entries) else None

    def open(self, window: Window, *, successful: bool = True, cache_bytes: int | None = None) -> Mixture:
        """The mixture's windows. The caches of decoded images of all data sets together take at most `cache_bytes`.

        "image.*" in `window` stands for every camera of the entries' views, in their order: the result's `window`
        names them.

        Raises:
            MismatchError: data sets that do not fit each other or the window, naming both; more dreamed rows, or later
                generations of them, than `dreamed` and `generations` allow.
            UnknownName: a name that a data set does not have. DataError: a data set without an episode to train on.
        """
        datasets = [Dataset(entry.data) for entry in self.entries]
        window = self._named(window, datasets)
        budgets = _cache_budgets(datasets, cache_bytes)
        views = self._views(window, datasets)
        windows = [
            Windows(dataset, window, entry.select_episodes(dataset, successful=successful), view, budget)
            for entry, dataset, view, budget in zip(self.entries, datasets, views, budgets, strict=True)
        ]
        mixture = Mixture(windows, self.weights([len(one) for one in windows]))
        expect_capped(mixture.entries, mixture.shares, self.dreamed, self.generations)
        return mixture

    @property
    def control_hz(self) -> float:
        """The rate of a window's steps: the mixture's, or that of its data."""
        return Dataset(self.entries[0].data).embodiment.control_hz if self.rate_hz is None else self.rate_hz

    def weights(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """Whole numbers in proportion to the entries' shares; None: in proportion to their `sizes` (windows).

        Raises:
            PraxiaError: an entry has less than a millionth of all.
        """
        if len(sizes) == 1:
            return None
        if self.entries[0].weight is not None:
            # The decimal as written: 0.1 is exactly a tenth.
            exact = [Fraction(str(entry.weight)) for entry in self.entries]
        elif self.temperature is not None and self.temperature != 1:
            roots = [(size / max(sizes)) ** (1 / self.temperature) for size in sizes]
            exact = [Fraction(round(root * ROOT_SCALE)) for root in roots]
        else:
            return None
        for entry, one in zip(self.entries, exact, strict=True):
            if one < LEAST_SHARE * sum(exact):
                raise PraxiaError(f"{entry.data} has less than a millionth of the mixture; raise its weight or drop it")
        scale = lcm(*(one.denominator for one in exact))
        return tuple(int(one * scale) for one in exact)

    def limited(self, side: int, known: Mapping[str, tuple[int, int]]) -> "MixtureConfig":
        """With a size for every camera whose images are larger in some entry: a square of `side` pixels.

        A camera in `known` is limited by its (height, width) there instead. Sizes that are set stay.

        Raises:
            UnknownName: a view has a name that its data set does not have.
        """
        found: dict[str, tuple[int, int]] = {}
        for camera in self._cameras([Dataset(entry.data) for entry in self.entries]):
            limit = known.get(camera.name, (side, side))
            if camera.height > limit[0] or camera.width > limit[1]:
                found[camera.name] = limit
        return replace(self, sizes={**found, **self.sizes})

    def resized(self, known: Mapping[str, tuple[int, int]]) -> "MixtureConfig":
        """With the (height, width) in `known` for every camera of which an entry has another. Sizes that are set stay.

        Raises:
            UnknownName: a view has a name that its data set does not have.
        """
        cameras = self._cameras([Dataset(entry.data) for entry in self.entries])
        found = {one.name: known[one.name] for one in cameras if one.name in known}
        differ = {one.name for one in cameras if found.get(one.name) != (one.height, one.width)}
        return replace(self, sizes={**{name: size for name, size in found.items() if name in differ}, **self.sizes})

    def _cameras(self, datasets: Sequence[Dataset]) -> list[Camera]:
        """The cameras of all entries' views, in their order and at the data sets' sizes."""
        pairs = zip(self.entries, datasets, strict=True)
        return [camera for entry, dataset in pairs for camera in entry.view.embodiment(dataset).cameras]

    def _named(self, window: Window, datasets: Sequence[Dataset]) -> Window:
        """The window with the names of its cameras."""
        if not window.sees_every_camera:
            return window
        cameras = [camera.name for camera in self._cameras(datasets)]
        if not cameras:
            raise MismatchError(
                f"expected a data set with a camera, got none in {datasets[0].root}; see `praxia data info "
                f"{datasets[0].root}`, or choose a recipe without images such as flow-metaworld-blind"
            )
        return window.with_cameras(tuple(dict.fromkeys(cameras)))

    def _views(self, window: Window, datasets: Sequence[Dataset]) -> list[DatasetView]:
        """The entries' views at the mixture's rate and sizes. A camera that one lacks has the size of another's."""
        views = [replace(entry.view, rate_hz=self.rate_hz, sizes=self.sizes) for entry in self.entries]
        embodiments = [view.embodiment(dataset) for view, dataset in zip(views, datasets, strict=True)]
        known = {
            one.name: (one.height, one.width) for embodiment in reversed(embodiments) for one in embodiment.cameras
        }
        for name in self.sizes:
            if name not in known and not any(name in view.cameras for view in views):
                raise UnknownName("camera of sizes", name, known, "praxia data mix DIR[,DIR...]")
        for name in window.cameras:
            if name not in known and all(view.source_of(name) is None for view in views):
                raise MismatchError(
                    f"the window needs image.{name}, and no data set of the mixture has such a camera; "
                    "choose another recipe"
                )
        return [
            replace(view, sizes={**self.sizes, **{name: known[name] for name in known if view.source_of(name) is None}})
            for view in views
        ]


def _cache_budgets(datasets: Sequence[Dataset], cache_bytes: int | None) -> list[int | None]:
    """Each data set's share of `cache_bytes`, in proportion to its frames."""
    if cache_bytes is None:
        return [None] * len(datasets)
    num_frames = sum(dataset.num_frames for dataset in datasets)
    return [cache_bytes * dataset.num_frames // num_frames for dataset in datasets]


HELP = "praxia data mix --help"
KEYS = ("rate_hz", "temperature", "sizes", "dreamed", "generations", "parts")
# "body" is the name of "embodiment" in older files.
ENTRY_KEYS = ("data", "weight", "tasks", "episodes", "embodiment", "body", "cameras", "fields", "actions")
FIELD_KEYS = ("name", "size", "kind", "unit", "frame", "low", "high")


def find_mixture(data: str) -> MixtureConfig:
    """The mixture that `--data` names: a mixture file, or comma-separated folders of data sets.

    Raises:
        PraxiaError: no name before or after a comma; also as `read_mixture`.
    """
    if data.endswith(".json") and not Path(data).is_dir():
        return read_mixture(Path(data))
    folders = split_paths(data)
    if "" in folders:
        raise PraxiaError(f"expected a mixture file (.json), or folders with commas between them, got {data!r}")
    return MixtureConfig.of([expand_home(folder) for folder in folders])


def read_mixture(path: Path) -> MixtureConfig:
    """The mixture that a file describes.

    Raises:
        DataError: the file is missing, not JSON, or has a value of another form; names its position in the file.
        UnknownName: a mixture has no such key; names the nearest.
        PraxiaError: as `MixtureConfig`.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=partial(_once, str(path)))
    except FileNotFoundError:
        raise DataError(f"expected a mixture file at {path}, got nothing; see `{HELP}`") from None
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    table = _table(value, str(path), KEYS)
    entries = _list(table.get("parts"), f"{path}: parts")
    if not entries:
        raise DataError(f"{path}: parts: expected at least one data set, got none")
    sizes = _table(table.get("sizes", {}), f"{path}: sizes")
    return MixtureConfig(
        entries=tuple(_entry(one, f"{path}: parts[{at}]", path.parent) for at, one in enumerate(entries)),
        rate_hz=_number(table.get("rate_hz"), f"{path}: rate_hz"),
        temperature=_number(table.get("temperature"), f"{path}: temperature", least=1.0),
        sizes={name: _size(size, f"{path}: sizes.{name}") for name, size in sizes.items()},
        **_caps(table, str(path)),
    )


def _caps(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The caps on dreamed data that a file has."""
    found = {name: table[name] for name in ("dreamed", "generations") if name in table}
    if "dreamed" in found and not (_is(found["dreamed"], int, float) and 0 <= found["dreamed"] <= 1):
        raise _wrong_value(f"{where}: dreamed", "a share from 0 to 1", found["dreamed"])
    if "generations" in found and not (_is(found["generations"], int) and found["generations"] >= 0):
        raise _wrong_value(f"{where}: generations", "a whole number of at least 0", found["generations"])
    return found


def _entry(value: Any, where: str, folder: Path) -> DatasetEntry:
    table = _table(value, where, ENTRY_KEYS)
    if not isinstance(table.get("data"), str):
        raise _wrong_value(f"{where}.data", "a data set's folder", table.get("data"))
    data = table["data"]
    cameras = _table(table.get("cameras", {}), f"{where}.cameras")
    fields = _table(table.get("fields", {}), f"{where}.fields", ("state", "action"))
    for name, source in cameras.items():
        if source is not None and not isinstance(source, str):
            raise _wrong_value(f"{where}.cameras.{name}", "the data set's name of that camera, or null", source)
    for key in ("embodiment", "body"):
        if not isinstance(table.get(key, ""), str):
            raise _wrong_value(f"{where}.{key}", "an embodiment's name", table[key])
    view = DatasetView(
        name=table.get("embodiment", table.get("body")),
        cameras=cameras,
        state=_fields(fields.get("state", {}), f"{where}.fields.state"),
        action=_fields(fields.get("action", {}), f"{where}.fields.action"),
        actions=_flag(table.get("actions", True), f"{where}.actions"),
    )
    return DatasetEntry(
        data=data if "://" in data else str(folder / expand_home(data)),
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
                raise _wrong_value(f"{where}.{name}", "the data set's name of that field", own)
        return table
    return tuple(_field(one, f"{where}[{at}]") for at, one in enumerate(value))


def _field(value: Any, where: str) -> Field:
    table = _table(value, where, FIELD_KEYS)
    if not isinstance(table.get("name"), str) or not _is(table.get("size"), int) or table["size"] < 1:
        raise _wrong_value(where, 'a field, {"name": NAME, "size": a whole number, "kind": KIND}', dict(table))
    if table.get("kind") not in get_args(Kind):
        raise UnknownName(f"kind ({where})", str(table.get("kind")), get_args(Kind), HELP)
    for key in ("unit", "frame"):
        if not isinstance(table.get(key, ""), str):
            raise _wrong_value(f"{where}.{key}", "text", table[key])
    for key in ("low", "high"):
        if table.get(key) is not None and not _is(table[key], int, float):
            raise _wrong_value(f"{where}.{key}", "a number or null", table[key])
    bounds = {key: float(table[key]) for key in ("low", "high") if table.get(key) is not None}
    return Field(**{"unit": "", **table, **bounds})


def _once(where: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with every key once: of repeated keys only the last would count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DataError(f"{where}: expected {max(keys, key=keys.count)!r} once in an object, got it twice")
    return found


def _table(value: Any, where: str, keys: Collection[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_value(where, "an object, {...}", value)
    for key in value:
        if keys is not None and key not in keys:
            raise UnknownName(f"key ({where})", key, keys, HELP)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong_value(where, "a list, [...]", value)
    return value


def _items(value: Any, kind: type, where: str) -> tuple[Any, ...] | None:
    if value is None:
        return None
    items = _list(value, where)
    if not items or not all(_is(one, kind) for one in items):
        raise _wrong_value(where, "a list of names" if kind is str else "a list of whole numbers", value)
    return tuple(items)


def _number(value: Any, where: str, least: float = 0.0) -> float | None:
    if value is None:
        return None
    if not _is(value, int, float) or not math.isfinite(value) or value <= 0 or value < least:
        raise _wrong_value(where, f"a number of at least {least:g}" if least else "a number above 0", value)
    return float(value)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong_value(where, "true or false", value)
    return value


def _size(value: Any, where: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is(one, int) and one > 0 for one in value):
        raise _wrong_value(where, "[height, width] in pixels", value)
    return (value[0], value[1])


def _is(value: Any, *kinds: type) -> bool:
    """Whether a JSON value is of one of these types; true is not a number."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def _wrong_value(where: str, expected: str, got: Any) -> DataError:
    return DataError(f"{where}: expected {expected}, got {json.dumps(got)[:80]}")
