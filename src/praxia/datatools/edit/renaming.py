"""Renaming"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.features import INDEX_FEATURES, camera_name
from praxia.data.layout import image_key
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.vectors import Vectors

__all__ = ["Names", "names_of"]


@dataclass(frozen=True)
class Names:
    """Old to new, all at once: two features can change names with each other. What is not in it keeps its name."""

    features: Mapping[str, str] = field(default_factory=dict)
    instructions: Mapping[str, str] = field(default_factory=dict)
    embodiment: str | None = None
    vectors: Vectors = field(default_factory=Vectors)

    def feature(self, name: str) -> str:
        return self.features.get(name, name)

    def instruction(self, text: str) -> str:
        return self.instructions.get(text, text)

    def rows(self, table: pa.Table) -> pa.Table:
        """Rows of data/, whose columns are features, under the new names."""
        return self.vectors.rows(self._renamed(table, self.feature))

    def episodes(self, table: pa.Table) -> pa.Table:
        """Rows of meta/episodes, with columns as "stats/<feature>/mean" and "videos/<feature>/file_index"."""
        return self.vectors.episodes(self._renamed(table, self._episode_column))

    def _episode_column(self, name: str) -> str:
        kind, _, rest = name.partition("/")
        feature, _, last = rest.rpartition("/")
        return f"{kind}/{self.feature(feature)}/{last}" if kind in ("stats", "videos") else name

    def _renamed(self, table: pa.Table, rename: Callable[[str], str]) -> pa.Table:
        """Also where pandas and `datasets` wrote the names into the schema."""
        if not self.features:
            return table
        said = {key: _renamed_metadata(key, value, rename) for key, value in (table.schema.metadata or {}).items()}
        return table.rename_columns([rename(name) for name in table.column_names]).replace_schema_metadata(said)

    def info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """info.json with other names of features and of the robot."""
        features = {self.feature(name): feature for name, feature in info["features"].items()}
        renamed = self.vectors.info({**info, "features": features})
        return renamed if self.embodiment is None else {**renamed, "robot_type": self.embodiment}

    def declared_embodiment(self, embodiment: Embodiment) -> Embodiment:
        """The embodiment with other names of itself and of its cameras."""
        new = {camera_name(old): camera_name(name) for old, name in self.features.items()}
        cameras = tuple(replace(camera, name=new.get(camera.name, camera.name)) for camera in embodiment.cameras)
        return replace(embodiment, name=self.embodiment or embodiment.name, cameras=cameras)


def _renamed_metadata(key: bytes, value: bytes, rename: Callable[[str], str]) -> bytes:
    if key == b"huggingface":
        said = json.loads(value)
        if "features" in said.get("info", {}):
            said["info"]["features"] = {rename(name): kind for name, kind in said["info"]["features"].items()}
        return json.dumps(said).encode()
    if key == b"pandas":
        said = json.loads(value)
        for column in said["columns"]:
            column |= {part: rename(column[part]) for part in ("name", "field_name") if column.get(part)}
        return json.dumps(said).encode()
    return value


def names_of(
    source: SourceDataset, features: Mapping[str, str], instructions: Mapping[str, str], embodiment: str | None
) -> Names:
    """Old to new names of `source`, with cameras by their features.

    Raises:
        UnknownName: a feature or an instruction that is not there.
        PraxiaError: nothing to rename, a name that is taken, or one that readers rely on.
    """
    if not (features or instructions or embodiment):
        raise PraxiaError("expected something to rename: --feature old=new, --instruction old=new or --embodiment new")
    for text in instructions:
        if text not in source.tasks:
            raise UnknownName("instruction", text, source.tasks, f"praxia data info {source.root}")
    keys: dict[str, str] = dict(_keys(source, old, new) for old, new in features.items())
    declared: list[str] = list(source.info["features"])
    after = [keys.get(name, name) for name in declared]
    if taken := sorted({name for name in after if after.count(name) > 1}):
        raise PraxiaError(f"expected names that no other feature of {source.root} has, got {', '.join(taken)}")
    return Names(keys, dict(instructions), embodiment)


def _keys(source: SourceDataset, old: str, new: str) -> tuple[str, str]:
    """The features behind two names: features, or cameras by their short names."""
    cameras = {camera_name(key): key for key in source.cameras}
    declared = source.info["features"]
    if old not in declared:
        if old not in cameras:
            raise UnknownName("feature", old, [*declared, *cameras], f"praxia data info {source.root}")
        old, new = cameras[old], cameras[old].removesuffix(old) + new
    if not new or "/" in new:
        raise PraxiaError(f"expected a name without '/' for {old}, got {new!r}")
    if old in INDEX_FEATURES:
        raise PraxiaError(f"every reader of LeRobot's layout relies on {old}: it keeps its name")
    if source.ours and (old not in source.cameras or new != image_key(camera_name(new))):
        raise PraxiaError(
            f"in a data set that praxia recorded cameras alone can have other names, and only ones like"
            f" {image_key('top')}; got {old}={new}"
        )
    return old, new
