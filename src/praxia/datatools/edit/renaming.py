"""New names for features, instructions and the embodiment of a data set."""

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
from praxia.datatools.edit.vectors import VectorLayout

__all__ = ["Renaming", "resolve_renaming"]


@dataclass(frozen=True)
class Renaming:
    """Old to new names, applied at once, so that two features can swap names. Names not listed stay."""

    features: Mapping[str, str] = field(default_factory=dict)
    instructions: Mapping[str, str] = field(default_factory=dict)
    embodiment: str | None = None
    vectors: VectorLayout = field(default_factory=VectorLayout)

    def feature(self, name: str) -> str:
        return self.features.get(name, name)

    def instruction(self, text: str) -> str:
        return self.instructions.get(text, text)

    def rows(self, table: pa.Table) -> pa.Table:
        """Rows of data/, whose columns are features, under the new names."""
        return self.vectors.rows(self._renamed(table, self.feature))

    def episodes(self, table: pa.Table) -> pa.Table:
        """Rows of meta/episodes, with columns such as "stats/<feature>/mean" and "videos/<feature>/file_index"."""
        return self.vectors.episodes(self._renamed(table, self._episode_column))

    def _episode_column(self, name: str) -> str:
        kind, _, rest = name.partition("/")
        feature, _, last = rest.rpartition("/")
        return f"{kind}/{self.feature(feature)}/{last}" if kind in ("stats", "videos") else name

    def _renamed(self, table: pa.Table, rename: Callable[[str], str]) -> pa.Table:
        """Rename columns, and the names that pandas and `datasets` wrote into the schema."""
        if not self.features:
            return table
        metadata = {key: _renamed_metadata(key, value, rename) for key, value in (table.schema.metadata or {}).items()}
        return table.rename_columns([rename(name) for name in table.column_names]).replace_schema_metadata(metadata)

    def info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """info.json with the new names of features and of the robot."""
        features = {self.feature(name): feature for name, feature in info["features"].items()}
        renamed = self.vectors.info({**info, "features": features})
        return renamed if self.embodiment is None else {**renamed, "robot_type": self.embodiment}

    def rename_embodiment(self, embodiment: Embodiment) -> Embodiment:
        """The embodiment with the new names of itself and of its cameras."""
        new = {camera_name(old): camera_name(name) for old, name in self.features.items()}
        cameras = tuple(replace(camera, name=new.get(camera.name, camera.name)) for camera in embodiment.cameras)
        return replace(embodiment, name=self.embodiment or embodiment.name, cameras=cameras)


def _renamed_metadata(key: bytes, value: bytes, rename: Callable[[str], str]) -> bytes:
    if key == b"huggingface":
        metadata = json.loads(value)
        if "features" in metadata.get("info", {}):
            metadata["info"]["features"] = {rename(name): kind for name, kind in metadata["info"]["features"].items()}
        return json.dumps(metadata).encode()
    if key == b"pandas":
        metadata = json.loads(value)
        for column in metadata["columns"]:
            column |= {part: rename(column[part]) for part in ("name", "field_name") if column.get(part)}
        return json.dumps(metadata).encode()
    return value


def resolve_renaming(
    source: SourceDataset, features: Mapping[str, str], instructions: Mapping[str, str], embodiment: str | None
) -> Renaming:
    """The renaming of `source`, with cameras replaced by their features.

    Raises:
        UnknownName: an unknown feature or instruction.
        PraxiaError: nothing to rename, a name that is taken, or one that readers rely on.
    """
    if not (features or instructions or embodiment):
        raise PraxiaError("expected something to rename: --feature old=new, --instruction old=new or --embodiment new")
    for text in instructions:
        if text not in source.tasks:
            raise UnknownName("instruction", text, source.tasks, f"praxia data info {source.root}")
    features_of: dict[str, str] = dict(_feature_names(source, old, new) for old, new in features.items())
    declared: list[str] = list(source.info["features"])
    after = [features_of.get(name, name) for name in declared]
    if taken := sorted({name for name in after if after.count(name) > 1}):
        raise PraxiaError(f"expected names that no other feature of {source.root} has, got {', '.join(taken)}")
    return Renaming(features_of, dict(instructions), embodiment)


def _feature_names(source: SourceDataset, old: str, new: str) -> tuple[str, str]:
    """The old and new feature of a pair of names, which may be short names of cameras."""
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
    if source.written_by_praxia and (old not in source.cameras or new != image_key(camera_name(new))):
        raise PraxiaError(
            f"in a data set that praxia recorded cameras alone can have other names, and only ones like"
            f" {image_key('top')}; got {old}={new}"
        )
    return old, new
