import json
import shutil

import numpy as np
import pytest

from praxia.core.errors import DataError, UnknownName
from praxia.data import merge
from praxia.data.dataset import Dataset
from praxia.data.manifest import Manifest
from praxia.data.summary import info

DATA = "data/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.front/chunk-000/file-001.mp4"


@pytest.fixture
def broken(tmp_path, record, monkeypatch):
    """A data set of several video files, to be damaged."""
    monkeypatch.setattr(merge, "VIDEO_FILE_BYTES", 12_000)
    record(tmp_path / "set")
    return tmp_path / "set"


def episodes_in(root, name):
    return Manifest.read(root).files[name].contents


@pytest.mark.parametrize("name", [DATA, VIDEO])
def test_a_missing_or_truncated_file_is_found_at_open(broken, name):
    content = (broken / name).read_bytes()
    (broken / name).write_bytes(content[:-10])
    with pytest.raises(DataError, match=rf"{name} is truncated: .*{episodes_in(broken, name)}\. Restore"):
        Dataset(broken)
    (broken / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing; in it: {episodes_in(broken, name)}\. Restore"):
        Dataset(broken)


def test_flipped_bits_are_found_before_they_are_used(broken):
    for name in (DATA, VIDEO):
        data = bytearray((broken / name).read_bytes())
        data[len(data) // 2] ^= 1
        (broken / name).write_bytes(data)
    dataset = Dataset(broken)
    with pytest.raises(DataError, match=rf"{DATA} was altered .*episodes 0 to 7"):
        dataset.column("action")
    with pytest.raises(DataError, match=rf"{VIDEO} was altered .*{episodes_in(broken, VIDEO)}"):
        dataset.camera_frames("front").decode(np.arange(dataset.num_frames))
    with pytest.raises(DataError, match="was altered"):
        dataset.verify()


@pytest.mark.parametrize(
    "name", ["meta/tasks.parquet", "meta/stats.json", "praxia/manifest.json", "praxia/episodes.jsonl"]
)
def test_what_concerns_every_episode(broken, name):
    (broken / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing; in it: all episodes"):
        Dataset(broken)


def test_an_altered_manifest(broken):
    path = broken / "praxia/manifest.json"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0', 1))
    with pytest.raises(DataError, match="does not add up"):
        Dataset(broken)


def test_no_data_set_and_an_unfinished_one(tmp_path, stage):
    with pytest.raises(DataError, match=r"info.json is missing; make one with `praxia collect`"):
        Dataset(tmp_path / "nowhere")
    stage(tmp_path, range(2))
    with pytest.raises(DataError, match=r"unfinished recording \(2 episodes staged\).*--resume"):
        Dataset(tmp_path)


def test_what_is_in_it(recorded, synthetic):
    dataset = Dataset(recorded)
    assert dataset.embodiment == synthetic.EMBODIMENT
    assert dataset.cameras == synthetic.CAMERAS
    assert dataset.episodes.task == tuple(f"push-{index % 4}" for index in range(8))
    assert dataset.episodes.instruction[5] == "push object 1 to the wall"
    assert dataset.select().tolist() == [0, 1, 3, 4, 6, 7]
    assert dataset.select(successful=False).tolist() == list(range(8))
    assert dataset.select(["push-2", "push-1"]).tolist() == [1, 6]
    with pytest.raises(UnknownName, match=r"unknown task 'push-9'; nearest: push-"):
        dataset.select(["push-9"])
    with pytest.raises(UnknownName, match="unknown feature 'actoin'; nearest: action"):
        dataset.column("actoin")


def test_summary_is_json(recorded):
    described = json.loads(json.dumps(info(recorded)))
    assert (described["episodes"], described["successes"], described["fps"], described["verified"]) == (8, 6, 80, True)
    assert described["cameras"] == {"front": [64, 64], "wrist": [48, 80]}
    assert described["tasks"]["push-1"]["episodes"] == 2
    assert described["tasks"]["push-1"]["successes"] == 1
    assert described["content_sha256"] == Dataset(recorded).content_sha256


def test_a_data_set_of_another_writer(tmp_path, recorded, synthetic):
    """Without our side files it is a plain LeRobot data set, and opens as one."""
    shutil.copytree(recorded, tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "praxia")
    dataset = Dataset(tmp_path / "set")
    assert not dataset.written_by_praxia
    assert (dataset.content_sha256, dataset.snapshots(0)) == (None, [])
    # `next.success` marks the failures; the records that marked them too are gone.
    assert dataset.select().tolist() == [0, 1, 3, 4, 6, 7]
    assert dataset.select(successful=False).tolist() == list(range(8))
    assert (dataset.embodiment.state_dim, dataset.embodiment.action_dim) == (4, 3)
    assert dataset.embodiment.cameras == synthetic.EMBODIMENT.cameras
    every = np.arange(dataset.num_frames)
    np.testing.assert_array_equal(dataset.decode("wrist", every), Dataset(recorded).decode("wrist", every))
    assert not info(tmp_path / "set")["verified"]
    (tmp_path / "set" / "videos/observation.images.wrist/chunk-000/file-000.mp4").unlink()
    with pytest.raises(DataError, match=r"file-000.mp4 cannot be read \(it is missing\); in it: episodes 0 to 7"):
        Dataset(tmp_path / "set")


def test_another_layout_version(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text('{"codebase_version": "v1.6", "features": {}}')
    with pytest.raises(DataError, match=r"expected LeRobot layout v3.0, v2.1, v2.0 in .*, got v1.6"):
        Dataset(tmp_path)
