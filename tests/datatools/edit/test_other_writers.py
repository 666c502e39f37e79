"""Data sets of other writers: unknown parts are kept, and errors are reported."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError, MismatchError
from praxia.data.dataset import Dataset
from praxia.datatools.edit.operations import delete, merge, rename, trim

EXTRA = {
    "note": {"dtype": "string", "shape": [1], "names": None},
    "shot": {"dtype": "image", "shape": [2, 2, 3], "names": ["height", "width", "channels"]},
    "pose": {"dtype": "float64", "shape": [2, 3], "names": None},
}
HUGGINGFACE = {"info": {"features": {"note": {"dtype": "string", "_type": "Value"}, "shot": {"_type": "Image"}}}}


def extra_columns(rows):
    numbers = rows["index"].to_pylist()
    pose = np.repeat(np.array(numbers, dtype=np.float64), 6).reshape(-1, 2, 3) + np.arange(6).reshape(2, 3) / 10
    return {
        "note": pa.array([f"frame {number}" for number in numbers]),
        "shot": pa.array([{"bytes": bytes([number % 256]) * 5, "path": f"{number}.png"} for number in numbers]),
        "pose": pa.array(pose.tolist(), pa.list_(pa.list_(pa.float64(), 3), 2)),
    }


@pytest.fixture(scope="module")
def foreign(multi_file, tmp_path_factory):
    """A data set without our files and hashes, with columns, statistics and files of another writer."""
    root = tmp_path_factory.mktemp("foreign") / "set"
    shutil.copytree(multi_file, root, ignore=shutil.ignore_patterns("praxia"))
    for path in (root / "data").rglob("*.parquet"):
        rows = pq.read_table(path)
        for name, values in extra_columns(rows).items():
            rows = rows.append_column(name, values)
        pq.write_table(rows.replace_schema_metadata({"huggingface": json.dumps(HUGGINGFACE)}), path)
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    episodes = pq.read_table(path)
    names = pa.array([f"operator {number}" for number in range(8)])
    strange = pa.array([[float(number)] for number in range(8)])
    pq.write_table(episodes.append_column("operator", names).append_column("stats/action/skew", strange), path)
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] |= EXTRA
    (root / "meta/info.json").write_text(json.dumps({**info, "licence": "theirs"}))
    stats = json.loads((root / "meta/stats.json").read_text())
    stats["shot"] = {"mean": [[[0.5]]]}
    (root / "meta/stats.json").write_text(json.dumps(stats))
    (root / "meta/modality.json").write_text('{"arm": [0, 3]}')
    (root / "README.md").write_text("# Theirs\n")
    return root


def test_unknown_columns_and_files_are_kept(tmp_path, foreign, check_edited):
    out = tmp_path / "out"
    result = delete(foreign, "1,4", out)
    kept = [0, 2, 3, 5, 6, 7]
    lengths = Dataset(foreign).episodes.length.tolist()
    new = check_edited(out, [(foreign, episode, 0, lengths[episode]) for episode in kept])
    assert (new.written_by_praxia, result["content_sha256"], result["left_out"]) == (False, None, [])
    old, rows = pq.read_table(foreign / "data"), pq.read_table(out / "data")
    still = np.isin(old["episode_index"].to_numpy(), kept)
    assert rows.select(list(EXTRA)).equals(old.select(list(EXTRA)).filter(pa.array(still)))
    assert rows.schema.types == old.schema.types
    table = pq.read_table(out / "meta/episodes")
    assert table["operator"].to_pylist() == [f"operator {number}" for number in kept]
    assert table["stats/action/skew"].to_pylist() == [[float(number)] for number in kept]
    assert (new.info["licence"], new.stats["shot"]) == ("theirs", {"mean": [[[0.5]]]})
    np.testing.assert_allclose(new.stats["pose"]["mean"], new.column("pose").mean(axis=0).reshape(2, 3))
    assert (out / "meta/modality.json").read_text() == '{"arm": [0, 3]}'
    assert (out / "README.md").read_text() == "# Theirs\n"
    assert not (out / "praxia").exists()


def test_features_are_renamed_also_in_schema_metadata(tmp_path, foreign, check_edited):
    out = tmp_path / "out"
    rename(foreign, out, features={"shot": "picture", "note": "remark", "action": "act", "wrist": "hand"})
    assert (Dataset(out).cameras, "action" in Dataset(out).stats) == (("front", "hand", "picture"), False)
    schema = pq.read_schema(out / "data/chunk-000/file-000.parquet")
    assert {"picture", "remark", "act", "action.executed"} <= set(schema.names)
    assert set(json.loads(schema.metadata[b"huggingface"])["info"]["features"]) == {"picture", "remark"}
    episodes = pq.read_table(out / "meta/episodes").column_names
    assert {"stats/act/mean", "stats/act/skew", "stats/action.executed/mean"} <= set(episodes)
    assert "stats/action/mean" not in episodes


def test_merging(tmp_path, foreign, recorded):
    delete(foreign, "0-5", tmp_path / "part")
    (tmp_path / "part/README.md").unlink()
    (tmp_path / "part/README.md").write_text("# Another\n")
    result = merge([tmp_path / "part", foreign], tmp_path / "out")
    assert result["left_out"] == ["README.md"]
    rows = pq.read_table(tmp_path / "out/data")
    old = [pq.read_table(root / "data") for root in (tmp_path / "part", foreign)]
    assert rows["note"].to_pylist() == [note for table in old for note in table["note"].to_pylist()]
    assert rows["index"].to_pylist() == list(range(len(rows)))
    with pytest.raises(MismatchError, match=rf"{recorded} was recorded by praxia, .* and {foreign} was not"):
        merge([foreign, recorded], tmp_path / "both")


def test_merging_requires_the_same_subtasks(tmp_path, foreign):
    for number in range(2):
        delete(foreign, "0-5", tmp_path / f"{number}")
        (tmp_path / f"{number}/meta/subtasks.parquet").write_bytes(bytes([number]))
    with pytest.raises(MismatchError, match=r"/0 and .*/1 have different meta/subtasks.parquet"):
        merge([tmp_path / "0", tmp_path / "1"], tmp_path / "out")


def test_non_finite_numbers_can_be_edited(tmp_path, foreign):
    root = tmp_path / "set"
    shutil.copytree(foreign, root)
    path = root / "data/chunk-000/file-000.parquet"
    rows = pq.read_table(path)
    at = rows.schema.get_field_index("next.reward")
    reward = rows["next.reward"].to_numpy().copy()
    reward[0] = np.nan
    pq.write_table(rows.set_column(at, rows.schema.field(at), pa.array(reward)), path)
    delete(root, "0", tmp_path / "clean")
    assert np.isfinite(Dataset(tmp_path / "clean").stats["next.reward"]["mean"]).all()
    delete(root, "7", tmp_path / "still")
    assert np.isnan(Dataset(tmp_path / "still").stats["next.reward"]["mean"]).all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("episode_index", 5, r"file-000.parquet cannot be read \(its rows are not the \d+ that meta/episodes lists"),
        ("task_index", 9, r"it has rows with task_index 9, which is not a task of their episode"),
    ],
)
def test_rows_that_contradict_the_episode_table(tmp_path, foreign, column, value, message):
    root = tmp_path / "set"
    shutil.copytree(foreign, root)
    path = root / "data/chunk-000/file-000.parquet"
    rows = pq.read_table(path)
    values = rows[column].to_numpy().copy()
    values[2] = value
    at = rows.schema.get_field_index(column)
    pq.write_table(rows.set_column(at, rows.schema.field(at), pa.array(values)), path)
    with pytest.raises(DataError, match=message):
        delete(root, "7", tmp_path / "out")


def test_a_missing_row(tmp_path, foreign):
    root = tmp_path / "set"
    shutil.copytree(foreign, root)
    path = root / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path)[:-1], path)
    with pytest.raises(DataError, match=r"file-000.parquet cannot be read \(expected 36 rows, got 35\)"):
        trim(root, tmp_path / "out")
