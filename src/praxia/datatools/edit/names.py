"""Other names for features, instructions and the embodiment, and vectors that are put together anew."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from praxia.core.embodiment import Embodiment
from praxia.data.features import camera_name
from praxia.datatools.edit.vectors import Vectors

__all__ = ["Names"]


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
        said = {key: _metadata(key, value, rename) for key, value in (table.schema.metadata or {}).items()}
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


def _metadata(key: bytes, value: bytes, rename: Callable[[str], str]) -> bytes:
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
