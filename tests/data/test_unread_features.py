"""Features that training does not read never prevent reading, checking, editing, viewing or exporting."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete
from praxia.datatools.exchange.exporting import export
from praxia.datatools.survey import survey
from praxia.studio.viewer.view import write_viewer

ROWS = "data/chunk-000/file-000.parquet"
SECOND = "data/chunk-000/file-001.parquet"


@pytest.fixture(scope="module")
def original(foreign, tmp_path_factory):
    root = tmp_path_factory.mktemp("unread") / "set"
    foreign.write(root, "v3.0", "h264", episodes=range(4), per_file=2)
    return root


@pytest.fixture
def root(original, tmp_path):
    return shutil.copytree(original, tmp_path / "set")


def declare(root, name, size, columns):
    """A feature of `size` numbers per frame, with `columns` (None: nowhere) in the two data files."""
    info = json.loads((root / "meta/info.json").read_text())
    info["features"][name] = {"dtype": "float32", "shape": [size], "names": None}
    (root / "meta/info.json").write_text(json.dumps(info))
    for file, column in zip((ROWS, SECOND), columns, strict=True):
        rows = pq.read_table(root / file)
        if column is not None:
            pq.write_table(rows.append_column(name, column(len(rows))), root / file)


def nan(length):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.full(2 * length, np.nan, np.float32)), 2)


def some(length):
    return pa.array([None if row % 3 else 1.0 for row in range(length)], pa.float32())


def vectors(length):
    return pa.array([None if row % 3 else [1.0, 2.0] for row in range(length)], pa.list_(pa.float32()))


def words(length):
    return pa.array([{"said": "left"}] * length)


def ragged(length):
    return pa.array([[1.0] * (1 + row % 3) for row in range(length)], pa.list_(pa.float32()))


UNREAD = {
    "next.words": (1, (words, words)),
    "next.ragged": (2, (ragged, ragged)),
    "next.force": (2, (vectors, vectors)),
    "next.part": (1, (some, None)),
    "observation.effort": (2, (nan, nan)),
    "next.reward": (1, (some, some)),
    "next.quality": (1, (pa.nulls, pa.nulls)),
    "next.ghost": (1, (None, None)),
}


@pytest.mark.parametrize("name", UNREAD)
def test_an_unread_feature_without_numbers(root, tmp_path, name):
    declare(root, name, *UNREAD[name])
    verdict = check(root)
    assert (verdict["ok"], verdict["episodes_safe"]) == (True, 4)
    assert any(name in note["detail"] for note in verdict["notes"])
    dataset = Dataset(root)
    assert not dataset.has_finite(name)
    with pytest.raises(DataError, match=name):
        dataset.column(name)
    assert len(Windows(dataset, Window({"state": (0,)}, 2), range(4))) == dataset.num_frames
    found = survey([(dataset, range(4))])
    lacking = [one["feature"] for one in found["warnings"] if one["kind"] == "not-finite"]
    assert lacking == ([name] if name == "observation.effort" else [])  # rewards are not measured
    assert set(found["embodiments"]["unknown"]["features"]) == {"observation.state", "action"}
    write_viewer(dataset, tmp_path / "page.html", [], [0])
    assert f"{name}, which has missing or non-finite numbers" in (tmp_path / "page.html").read_text()
    export(root, "robomimic", tmp_path / "out.hdf5")
    delete(root, "1", tmp_path / "less")
    assert check(tmp_path / "less")["ok"]


def test_what_is_trained_on_must_be_finite(root):
    rows = pq.read_table(root / SECOND)
    at = rows.column_names.index("action")
    values = np.array(rows["action"].to_pylist(), np.float32)
    values[3, 1] = np.nan
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 3)
    pq.write_table(rows.set_column(at, "action", column), root / SECOND)
    assert {one["kind"] for one in check(root)["problems"]} == {"not-finite"}
    with pytest.raises(DataError, match="action is not finite"):
        Dataset(root).column("action")


WIDTHS = {
    "float64": ("action", pa.list_(pa.float64(), 3)),
    "float16": ("action", pa.list_(pa.float16(), 3)),
    "list": ("action", pa.list_(pa.float32())),
    "large list": ("action", pa.large_list(pa.float32())),
    "int32": ("index", pa.int32()),
    "float64 time": ("timestamp", pa.float64()),
}


@pytest.mark.parametrize("width", WIDTHS)
def test_a_column_of_another_width_in_a_later_file(root, tmp_path, width):
    """A writer of another version went on: the numbers are the same, and are those that are read and kept."""
    name, kind = WIDTHS[width]
    before = Dataset(root).column(name)
    rows = pq.read_table(root / SECOND)
    other = rows[name].cast(kind)
    pq.write_table(
        rows.set_column(rows.column_names.index(name), name, other).select(rows.column_names[::-1]), root / SECOND
    )
    tolerance = 1e-3 if width == "float16" else 0
    np.testing.assert_allclose(Dataset(root).column(name), before, rtol=tolerance, atol=tolerance)
    assert check(root)["ok"]
    delete(root, "0", tmp_path / "less")
    length = Dataset(root).episodes.length[0]
    expected = before[length:] - (length if name == "index" else 0)
    np.testing.assert_allclose(Dataset(tmp_path / "less").column(name), expected, rtol=tolerance, atol=tolerance)
