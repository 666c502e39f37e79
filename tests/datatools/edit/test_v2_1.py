"""Edits turn data sets of LeRobot v2.1, with one file per episode, into v3.0."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from praxia.core.files import sha256_file
from praxia.data.dataset import Dataset
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete


@pytest.mark.parametrize("codec", ["h264", None])
def test_edits_of_v2_1_are_v3(tmp_path, foreign, synthetic, codec):
    root, out = tmp_path / "old", tmp_path / "out"
    taken = foreign.write(root, "v2.1", codec)
    delete(root, "1-2", out)
    old, new = Dataset(root), Dataset(out)
    assert new.info["codebase_version"] == "v3.0"
    assert new.episodes.length.tolist() == [len(taken[number]) for number in (0, 3, 4, 5)]
    kept = np.isin(old.column("episode_index")[:, 0], [0, 3, 4, 5])
    np.testing.assert_array_equal(new.column("action"), old.column("action")[kept])
    for camera in synthetic.CAMERAS:
        labels = [synthetic.read_label(image) for image in new.decode(camera, np.arange(new.num_frames))]
        assert labels == [(camera, number, frame) for number in (0, 3, 4, 5) for frame in range(len(taken[number]))]
    videos = {sha256_file(path) for path in root.rglob("*.mp4")}
    assert {sha256_file(path) for path in out.rglob("*.mp4")} <= videos
    assert len(list((out / "data").rglob("*.parquet"))) == 1, "small files are joined"
    assert not list((out / "meta").glob("*.jsonl"))
    assert pq.read_table(out / "meta/tasks.parquet").num_rows == len(new.instructions)


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_check_accepts_images_left_by_an_edit_but_no_others(tmp_path, foreign, version):
    root, out = tmp_path / "old", tmp_path / "out"
    root.mkdir()
    foreign.write(root, version, "h264", per_file=2)
    delete(root, "1", out)
    assert check(out)["problems"] == []
    name = "videos/observation.images.front/chunk-000/file-000.mp4"
    (out / name).unlink()
    shutil.copy(out / name.replace("file-000", "file-001"), out / name)
    found = {problem["kind"] for problem in check(out)["problems"] if problem["file"] == name}
    assert found == ({"surplus-frames"} if version == "v3.0" else set())
