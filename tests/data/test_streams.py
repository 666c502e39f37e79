"""Named streams beside images and state: written, checked and read back."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.embodiment import Embodiment, Stream
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.window import Window
from praxia.data import parquet
from praxia.data.dataset import Dataset
from praxia.data.features import feature_declarations
from praxia.data.finalize import finalize
from praxia.data.recorder import StagedRecorder, save_episode
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader import windows as windows_module
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.datatools.check.dataset import check
from praxia.datatools.record.recorder import Recorder

STREAMS = (
    Stream("force", (6,), "float32", "N", "wrist"),
    Stream("points", (4, 3), "float32", "m", "world"),
    Stream("depth", (40, 30), "uint16", "mm"),
    Stream("touch", (1,), "bool"),
)


@pytest.fixture(scope="module")
def episodes(synthetic):
    def make(index):
        episode, draw = synthetic.episode(index), np.random.default_rng(index)
        n = len(episode)
        return replace(
            episode,
            embodiment=replace(episode.embodiment, streams=STREAMS),
            streams={
                "force": draw.normal(size=(n, 6)).astype(np.float32),
                "points": draw.normal(size=(n, 4, 3)).astype(np.float32),
                "depth": draw.integers(0, 60_000, (n, 40, 30)).astype(np.uint16),
                "touch": draw.random((n, 1)) < 0.5,
            },
        )

    return [make(index) for index in range(3)]


def record(root, episodes):
    begin_recording(root, {})
    for at, episode in enumerate(episodes):
        stage_episode(root, at, episode)
    finalize(root, episodes[0].embodiment, {})
    return root


@pytest.fixture(scope="module")
def root(episodes, tmp_path_factory):
    return record(tmp_path_factory.mktemp("streams") / "data", episodes)


def test_streams_are_features_of_their_shapes_and_in_no_video(root):
    dataset = Dataset(root)
    features = dataset.info["features"]
    assert features["observation.points"] == {"dtype": "float32", "shape": [4, 3], "names": None}
    assert features["observation.depth"] == {"dtype": "uint16", "shape": [40, 30], "names": None}
    assert dataset.embodiment.streams == STREAMS
    rows = pq.read_table(next((root / "data").rglob("*.parquet")))
    kind = rows.schema.field("observation.points").type
    assert pa.types.is_list(kind)
    assert pa.types.is_list(kind.value_type)
    stats = json.loads((root / "meta/stats.json").read_text())
    assert np.shape(stats["observation.points"]["mean"]) == (4, 3)
    assert "observation.depth" not in stats
    found = check(root)
    assert (found["problems"], found["notes"]) == ([], [])


@pytest.mark.parametrize("written_by_praxia", [True, False])
def test_windows_of_streams(root, episodes, tmp_path, written_by_praxia):
    """Against a plain loop, with offsets of their own; another writer's have no unit."""
    if not written_by_praxia:
        root = shutil.copytree(root, tmp_path / "other")
        shutil.rmtree(root / "praxia")
    dataset = Dataset(root)
    window = Window({"force": (-2, -1, 0), "points": (0,), "depth": (-4, 0), "touch": (0,), "state": (0,)}, 1)
    windows = Windows(dataset, window, [2, 0])
    unit = {stream.name: stream.unit for stream in windows.embodiment.streams}
    assert unit["force"] == ("N" if written_by_praxia else "")
    samples = windows.read(np.arange(len(windows)))
    row = 0
    for episode in (episodes[2], episodes[0]):
        for now in range(len(episode)):
            for name in window.streams:
                wanted = [now + offset for offset in window.observation_steps[name]]
                expected = episode.streams[name][[max(at, 0) for at in wanted]]
                np.testing.assert_array_equal(samples.streams[name][row], expected)
                assert samples.streams[name].dtype == expected.dtype
                assert samples.stream_valid[name][row].tolist() == [at >= 0 for at in wanted]
            row += 1
    mixture = Mixture([windows, Windows(dataset, window, [1])])
    np.testing.assert_array_equal(
        mixture.read(np.array([3, len(windows)])).streams["depth"][:, -1],
        [episodes[2].streams["depth"][3], episodes[1].streams["depth"][0]],
    )
    bare = windows.read(np.arange(3), with_images=False)
    assert bare.streams == {}
    assert bare.stream_valid["force"].shape == (3, 3)
    # A window without streams is as of data that have none.
    assert Windows(dataset, Window({"state": (0,)}, 1), [0]).embodiment.streams == ()


def test_streams_in_sequences_and_at_another_rate(root, episodes):
    dataset = Dataset(root)
    window = Window({"force": (0,), "state": (0,)}, 1, sequence_length=3)
    samples = Windows(dataset, window, [1]).read(np.arange(2))
    np.testing.assert_array_equal(samples.streams["force"][1], episodes[1].streams["force"][1:4])
    slow = Windows(dataset, Window({"force": (-1, 0)}, 1), [1], DatasetView(rate_hz=dataset.fps / 2)).read(
        np.array([6])
    )
    np.testing.assert_array_equal(slow.streams["force"][0], episodes[1].streams["force"][[4, 6]])


def test_what_is_no_stream_of_the_data_is_refused(root, episodes, tmp_path):
    dataset = Dataset(root)
    with pytest.raises(UnknownName, match=r"stream 'forces'.*force"):
        Windows(dataset, Window({"forces": (0,)}, 1), [0])
    with pytest.raises(MismatchError, match=r"expected a stream of .*, got 'observation.images.front' of video"):
        Windows(dataset, Window({"images.front": (0,)}, 1), [0])
    embodiment = replace(episodes[0].embodiment, streams=(Stream("force", (3,)),))
    other = replace(episodes[0], embodiment=embodiment, streams={"force": episodes[0].streams["force"][:, :3]})
    window = Window({"force": (0,)}, 1)
    three = Windows(Dataset(record(tmp_path / "three", [other])), window, [0])
    with pytest.raises(
        MismatchError, match=r"one stream 'force', got float32 \[6\] N wrist in .* and float32 \[3\] in"
    ):
        Mixture([Windows(dataset, window, [0]), three])


def test_an_episode_has_the_streams_of_its_embodiment(episodes):
    episode = episodes[0]
    with pytest.raises(MismatchError, match=r"needs the streams .*'touch', got none"):
        replace(episode, streams={})
    with pytest.raises(
        MismatchError, match=r"'force' of an episode of \d+ steps as float32 \[6\] N wrist, got float64"
    ):
        replace(episode, streams={**episode.streams, "force": episode.streams["force"].astype(float)})
    with pytest.raises(MismatchError, match=r"an episode needs \d+ steps of stream 'touch', got \[2, 1\]"):
        replace(episode, streams={**episode.streams, "touch": episode.streams["touch"][:2]})
    broken = episode.streams["points"].copy()
    broken[3, 1, 0] = np.nan
    with pytest.raises(DataError, match="has a stream 'points' that is not finite"):
        replace(episode, streams={**episode.streams, "points": broken})


def test_embodiments_without_streams_are_as_before(synthetic):
    plain = synthetic.EMBODIMENT
    assert "streams" not in plain.to_json()
    with_streams = replace(plain, streams=STREAMS)
    assert Embodiment.from_json(json.loads(json.dumps(with_streams.to_json()))) == with_streams
    assert set(feature_declarations(with_streams)) - set(feature_declarations(plain)) == {
        f"observation.{stream.name}" for stream in STREAMS
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("state", (3,)), "not of state, actions or images, got 'state'"),
        (("image.front", (3,)), "got 'image.front'"),
        (("force", ()), r"stream 'force' as \[N, ...\] of one of float32, .*, got float32 \[\]"),
    ],
)
def test_names_that_are_taken_and_shapes_without_entries_are_refused(arguments, message):
    with pytest.raises(PraxiaError, match=message):
        Stream(*arguments)


def test_an_episode_ends_before_a_stream_has_more_numbers_than_a_file_holds(episodes, tmp_path, monkeypatch):
    first = episodes[0]
    monkeypatch.setattr(parquet, "MAX_VALUES", 3 * 1200)  # three frames of depth
    begin_recording(tmp_path / "staged", {})
    recorders = (
        StagedRecorder(tmp_path / "staged", first.embodiment),
        Recorder(tmp_path / "robot", first.embodiment, {}),
    )
    for kept in recorders:
        with pytest.raises(DataError, match="at most 3 frames of 'depth', of 1200 numbers each, in an episode; sa"):
            save_episode(kept, 0, first)


def test_streams_that_do_not_fit_into_memory_are_refused(root, monkeypatch):
    dataset = Dataset(root)
    depth = dataset.num_frames * 2400
    monkeypatch.setattr(windows_module, "available_memory", lambda: depth)
    Windows(dataset, Window({"depth": (0,)}, 1), [0])
    with pytest.raises(PraxiaError, match="GB of memory for the streams depth, force of"):
        Windows(dataset, Window({"depth": (0,), "force": (0,)}, 1), [0])
