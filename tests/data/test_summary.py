import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.data.dataset import Dataset
from praxia.data.layout import parquet_files
from praxia.data.summary import info, outcomes


def test_another_writer_records_no_outcome(tmp_path, foreign):
    foreign.write(tmp_path / "set", "v3.0", None, episodes=range(3))
    dataset = Dataset(tmp_path / "set")
    assert outcomes(dataset) == (None, None, None)
    assert dataset.select().tolist() == [0, 1, 2], "episodes of unknown outcome are trained on"
    found_summary = info(tmp_path / "set")
    assert (found_summary["successes"], found_summary["unknown_outcomes"]) == (None, 3)
    assert {task["successes"] for task in found_summary["tasks"].values()} == {None}


@pytest.fixture
def ours(tmp_path, synthetic):
    from praxia.data.finalize import finalize
    from praxia.data.recording import begin_recording
    from praxia.data.staging import stage_episode

    root = tmp_path / "ours"
    begin_recording(root, {"seed": 0})
    for index in range(4):
        recorded = synthetic.episode(index, 6)
        if index == 1:
            recorded.provenance["assumed"] = {"success": "true in the last step"}
        stage_episode(root, index, recorded)
    finalize(root, synthetic.EMBODIMENT, {"seed": 0})
    return root


def test_what_an_importer_assumed_is_not_known(ours):
    dataset = Dataset(ours)
    expected = [bool(one) for one in dataset.episodes.success]
    assert outcomes(dataset) == (expected[0], None, *expected[2:])
    found_summary = info(ours)
    assert (found_summary["successes"], found_summary["unknown_outcomes"]) == (expected[0] + sum(expected[2:]), 1)


def test_a_feature_of_another_writer_holds_success_by_step(ours):
    known = Dataset(ours).episodes.success.tolist()
    shutil.rmtree(ours / "praxia")
    dataset = Dataset(ours)
    assert not dataset.written_by_praxia
    assert "next.success" in json.loads((ours / "meta/info.json").read_text())["features"]
    assert list(outcomes(dataset)) == known
    assert dataset.select().tolist() == [number for number, reached in enumerate(known) if reached]


def test_a_success_feature_without_any_success_was_never_filled(ours):
    """LeRobot's recorder writes False where no outcome is given."""
    shutil.rmtree(ours / "praxia")
    for path in parquet_files(ours / "data"):
        rows = pq.read_table(path)
        at = rows.column_names.index("next.success")
        none = pa.array(np.zeros(len(rows), dtype=bool)).cast(pa.bool_())
        pq.write_table(rows.set_column(at, "next.success", none), path)
    dataset = Dataset(ours)
    assert dataset.select().tolist() == list(range(dataset.num_episodes))


@pytest.mark.parametrize("column", [None, pa.null(), pa.bool_()], ids=["no column", "of no type", "empty"])
def test_a_feature_that_was_never_filled_gives_no_outcome(tmp_path, foreign, column):
    root = tmp_path / "set"
    foreign.write(root, "v3.0", None, episodes=range(3))
    info_json = json.loads((root / "meta/info.json").read_text())
    info_json["features"]["next.success"] = {"dtype": "bool", "shape": [1], "names": None}
    (root / "meta/info.json").write_text(json.dumps(info_json))
    for path in (root / "data").glob("*/*.parquet"):
        rows = pq.read_table(path)
        rows = rows.drop_columns([name for name in rows.column_names if name == "next.success"])
        if column is not None:
            rows = rows.append_column("next.success", pa.nulls(len(rows), column))
        pq.write_table(rows, path)
    assert outcomes(Dataset(root)) == (None, None, None)
    assert info(root)["successes"] is None


def test_cameras_with_their_codecs_fields_with_the_names_of_their_dims_and_splits(tmp_path, foreign):
    foreign.write(tmp_path / "video", codec="h264", episodes=range(2))
    found = info(tmp_path / "video")
    assert found["codecs"] == {"front": "h264, yuv420p", "wrist": "h264, yuv420p"}
    assert [(one["name"], one["size"], one["dims"]) for one in found["action"]] == [("action", 3, ["a", "b", "c"])]
    foreign.write(tmp_path / "images", codec=None, episodes=range(2))
    assert set(info(tmp_path / "images")["codecs"].values()) == {"images"}


def test_a_video_that_cannot_be_opened_hides_nothing_else(tmp_path, foreign):
    foreign.write(tmp_path / "set", codec="h264", episodes=range(2))
    (broken,) = (tmp_path / "set").rglob("*front*/**/*.mp4")
    broken.write_bytes(b"no video")
    assert info(tmp_path / "set")["codecs"] == {
        "front": "unreadable: see `praxia data check`",
        "wrist": "h264, yuv420p",
    }
