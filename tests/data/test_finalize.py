import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, RecordingError
from praxia.data import merge
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.manifest import Manifest
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode


def test_content_does_not_depend_on_the_order_of_staging(tmp_path, recorded, record):
    assert record(tmp_path, [5, 2, 7, 0, 1, 6, 4, 3]) == Manifest.read(recorded).content_sha256


def test_content_depends_on_what_was_recorded(tmp_path, recorded, record):
    assert record(tmp_path, range(7)) != Manifest.read(recorded).content_sha256


def test_layout_is_the_standards(recorded):
    files = {path.relative_to(recorded).as_posix() for path in recorded.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("praxia/")} == {
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "videos/observation.images.front/chunk-000/file-000.mp4",
        "videos/observation.images.wrist/chunk-000/file-000.mp4",
    }
    info = json.loads((recorded / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["robot_type"]) == ("v3.0", 80, "synthetic")
    assert (info["total_episodes"], info["total_tasks"], info["splits"]) == (8, 4, {"train": "0:8"})
    assert info["features"]["observation.state"]["names"] == ["hand.0", "hand.1", "hand.2", "grip"]
    columns = pq.read_schema(recorded / "data/chunk-000/file-000.parquet").names
    assert {"timestamp", "frame_index", "episode_index", "index", "task_index"} < set(columns)
    assert {name for name, feature in info["features"].items() if feature["dtype"] != "video"} == set(columns)


def test_columns_hold_what_was_recorded(recorded, synthetic):
    dataset = Dataset(recorded)
    episodes = [synthetic.episode(index) for index in range(8)]
    lengths = [len(episode) for episode in episodes]
    expected = {
        "observation.state": np.concatenate([e.state for e in episodes]),
        "action": np.concatenate([e.action for e in episodes]),
        "action.executed": np.concatenate([e.executed_action for e in episodes]),
        "next.reward": np.concatenate([e.reward for e in episodes])[:, None],
        "next.success": np.concatenate([e.success for e in episodes])[:, None],
        "next.done": np.concatenate([e.terminated | e.truncated for e in episodes])[:, None],
        "timestamp": np.concatenate([np.arange(n) / 80 for n in lengths]).astype(np.float32)[:, None],
        "frame_index": np.concatenate([np.arange(n) for n in lengths])[:, None],
        "episode_index": np.repeat(np.arange(8), lengths)[:, None],
        "index": np.arange(sum(lengths))[:, None],
    }
    for name, values in expected.items():
        found = dataset.column(name)
        assert found.dtype == values.dtype, name
        np.testing.assert_array_equal(found, values, err_msg=name)
    assert dataset.snapshots(5) == list(episodes[5].snapshots)
    assert dataset.records[5]["start"] == episodes[5].start.to_json()
    assert dataset.records[5]["provenance"] == {"expert": "synthetic", "noise": 0.2}


def test_files_roll_over_at_their_limits(tmp_path, synthetic, record, monkeypatch):
    monkeypatch.setattr(merge, "DATA_FILE_BYTES", 3000)
    monkeypatch.setattr(merge, "VIDEO_FILE_BYTES", 6000)
    record(tmp_path)
    assert len(list((tmp_path / "data/chunk-000").iterdir())) > 2
    assert len(list((tmp_path / "videos/observation.images.front/chunk-000").iterdir())) > 2
    dataset = Dataset(tmp_path)
    dataset.verify()
    assert dataset.column("index")[:, 0].tolist() == list(range(dataset.num_frames))
    episode = dataset.column("episode_index")[:, 0]
    for camera in synthetic.CAMERAS:
        for frame, pixels in enumerate(dataset.decode(camera, np.arange(dataset.num_frames))):
            own = int(episode[frame])
            assert synthetic.read_label(pixels) == (camera, own, frame - dataset.episodes.first[own])
    for index in range(8):
        assert dataset.snapshots(index) == list(synthetic.episode(index).snapshots)


def test_gaps_between_indices_close_and_are_remembered(tmp_path, record, synthetic):
    record(tmp_path, [3, 9, 4])
    dataset = Dataset(tmp_path)
    assert [entry["start_index"] for entry in dataset.records] == [3, 4, 9]
    assert dataset.num_episodes == 3
    assert synthetic.read_label(dataset.decode("front", np.array([dataset.num_frames - 1]))[0])[1] == 9


def test_nothing_staged_and_another_embodiment_are_refused(tmp_path, synthetic, stage):
    with pytest.raises(RecordingError, match="no episode is staged"):
        finalize(tmp_path, synthetic.EMBODIMENT, {})
    stage(tmp_path, [0])
    other = Embodiment(
        "other", synthetic.EMBODIMENT.state, synthetic.EMBODIMENT.action, synthetic.EMBODIMENT.cameras, 40.0
    )
    with pytest.raises(MismatchError, match="episode 0 was recorded with another embodiment than 'other'"):
        finalize(tmp_path, other, {})


def test_an_episode_without_snapshots(tmp_path, synthetic, stage):
    from dataclasses import replace

    from praxia.data.staging import stage_episode

    stage(tmp_path, [0, 2])
    stage_episode(tmp_path, 1, replace(synthetic.episode(1), snapshots=()))
    finalize(tmp_path, synthetic.EMBODIMENT, {"seed": 0})
    found = [Dataset(tmp_path).snapshots(index) for index in range(3)]
    assert found == [list(synthetic.episode(0).snapshots), [], list(synthetic.episode(2).snapshots)]


def told(episode, start=0.0):
    """The episode with a number, a vector and a flag about each step, and who acted."""
    n = len(episode)
    extras = {
        "log_probability": np.arange(n) / 4 + start,
        "noise": np.arange(6.0 * n).reshape(n, 2, 3) + start,
        "clipped": np.arange(n) % 2 == 0,
    }
    return replace(episode, extras=extras, actors=["policy"] * (n - 1) + ["person"])


def test_extras_and_actors_are_features_beside_the_others(tmp_path, synthetic):
    episodes = [told(synthetic.episode(index), start=100.0 * index) for index in range(2)]
    begin_recording(tmp_path, {})
    for index, episode in enumerate(episodes):
        stage_episode(tmp_path, index, episode)
    finalize(tmp_path, synthetic.EMBODIMENT, {})
    dataset = Dataset(tmp_path)
    for name in ("log_probability", "noise", "clipped"):
        expected = np.concatenate([episode.extras[name].reshape(len(episode), -1) for episode in episodes])
        found = dataset.column(f"complementary_info.{name}")
        assert found.dtype == (bool if name == "clipped" else np.float32)
        np.testing.assert_array_equal(found, expected)
    actors = [["policy", "expert", "person"][at] for at in dataset.column("actor")[:, 0]]
    assert actors == [one for episode in episodes for one in episode.actors]
    features = dataset.info["features"]
    assert features["complementary_info.noise"] == {"dtype": "float32", "shape": [6], "names": None}
    columns = pq.read_schema(tmp_path / "data/chunk-000/file-000.parquet").names
    assert [name for name in features if features[name]["dtype"] != "video"] == columns
    assert len(json.loads((tmp_path / "meta/stats.json").read_text())["complementary_info.noise"]["mean"]) == 6


def test_episodes_with_other_extras_are_no_data_set(tmp_path, synthetic):
    begin_recording(tmp_path, {})
    stage_episode(tmp_path, 0, told(synthetic.episode(0)))
    stage_episode(tmp_path, 1, synthetic.episode(1))
    with pytest.raises(MismatchError, match=r"staged episode 1 has the extras none, episode 0 has \['complementary_"):
        finalize(tmp_path, synthetic.EMBODIMENT, {})


@pytest.mark.parametrize("named", [0, 1])
def test_an_episode_that_does_not_say_who_acted_is_of_the_policy_where_another_says(tmp_path, synthetic, named):
    episodes = [synthetic.episode(index) for index in range(2)]
    episodes[named] = replace(episodes[named], actors=["person"] * len(episodes[named]))
    begin_recording(tmp_path, {})
    for index, episode in enumerate(episodes):
        stage_episode(tmp_path, index, episode)
    finalize(tmp_path, synthetic.EMBODIMENT, {})
    dataset = Dataset(tmp_path)
    expected = [2 if index == named else 0 for index, episode in enumerate(episodes) for _ in range(len(episode))]
    assert dataset.column("actor")[:, 0].tolist() == expected
    columns = pq.read_schema(tmp_path / "data/chunk-000/file-000.parquet").names
    assert [name for name, one in dataset.info["features"].items() if one["dtype"] != "video"] == columns
