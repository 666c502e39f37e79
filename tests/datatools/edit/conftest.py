import numpy as np
import pyarrow.parquet as pq
import pytest

from praxia.core.files import sha256_file
from praxia.data import merge
from praxia.data.dataset import Dataset

INDICES = {"timestamp", "frame_index", "episode_index", "index", "task_index"}
LEVELS = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


@pytest.fixture(scope="session")
def multi_file(record, tmp_path_factory):
    """Episodes 0 to 7 in several data and video files. Read-only."""
    root = tmp_path_factory.mktemp("multi_file") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "DATA_FILE_BYTES", 3_000)
        patch.setattr(merge, "VIDEO_FILE_BYTES", 12_000)
        record(root)
    assert len(list((root / "data").rglob("*.parquet"))) > 2
    assert len(list((root / "videos").rglob("*.mp4"))) > 4
    return root


@pytest.fixture(scope="session")
def other_recording(record, tmp_path_factory):
    """Episodes 20 to 22. Read-only."""
    root = tmp_path_factory.mktemp("other_recording") / "set"
    record(root, range(20, 23))
    return root


@pytest.fixture(scope="session")
def check_edited(synthetic):
    """Checks an edited data set against the (root, episode, frames cut before, frames) of its episodes."""

    def check(root, origin, cameras=synthetic.CAMERAS):
        new = Dataset(root)
        new.verify()
        assert (new.num_episodes, new.num_frames) == (len(origin), sum(frames for *_, frames in origin))
        roots = {source for source, *_ in origin}
        videos = {sha256_file(path) for source in roots for path in source.rglob("*.mp4")}
        assert {sha256_file(path) for path in root.rglob("*.mp4")} <= videos
        sources = {source: Dataset(source) for source in roots}
        expect_rows(new, [(sources[root], *cut) for root, *cut in origin])
        labels = [(recorded_as(sources[root], episode), *cut) for root, episode, *cut in origin]
        expect_images(new, labels, dict(zip(synthetic.CAMERAS, cameras, strict=True)), synthetic.read_label)
        expect_statistics(new)
        return new

    return check


def recorded_as(data, episode):
    return data.records[episode]["start_index"] if data.written_by_praxia else episode


def numeric(data):
    return [name for name, feature in data.info["features"].items() if feature["dtype"] in ("float32", "int64", "bool")]


def expect_rows(new, origin):
    first = 0
    for number, (source, episode, cut, frames) in enumerate(origin):
        here, there = slice(first, first + frames), slice(source.episodes.first[episode] + cut, None)
        for name in set(numeric(source)) - INDICES:
            old = source.column(name)[there][:frames]
            assert new.column(name).dtype == old.dtype
            np.testing.assert_array_equal(new.column(name)[here], old)
        assert (new.episodes.first[number], new.episodes.length[number]) == (first, frames)
        assert set(new.column("episode_index")[here, 0]) == {number}
        assert new.column("index")[here, 0].tolist() == list(range(first, first + frames))
        assert new.column("frame_index")[here, 0].tolist() == list(range(frames))
        np.testing.assert_array_equal(new.column("timestamp")[here, 0], np.float32(np.arange(frames) / source.fps))
        assert {new.instructions[task] for task in new.column("task_index")[here, 0]} == {
            new.episodes.instruction[number]
        }
        if source.written_by_praxia:
            assert new.snapshots(number) == source.snapshots(episode)[cut : cut + frames]
            for name in ("start", "task", "success", "provenance", "start_index"):
                assert new.records[number][name] == source.records[episode][name]
            assert new.records[number]["episode_index"] == number
            assert new.records[number]["instruction"] == new.episodes.instruction[number]
        first += frames


def expect_images(new, origin, cameras, read_label):
    for camera, name in cameras.items():
        images = new.decode(name, np.arange(new.num_frames))
        expected = [(camera, index, cut + frame) for index, cut, frames in origin for frame in range(frames)]
        assert [read_label(image) for image in images] == expected


def expect_statistics(new):
    table = pq.read_table(new.root / "meta/episodes")
    for name in numeric(new):
        values = new.column(name).astype(np.float64)
        expect_described(new.stats[name], values)
        for number in range(new.num_episodes if name in {*INDICES, "action"} else 0):
            rows = values[new.episodes.first[number] :][: new.episodes.length[number]]
            kinds = [column for column in table.column_names if column.startswith(f"stats/{name}/")]
            expect_described({kind.split("/")[-1]: table[kind][number].as_py() for kind in kinds}, rows)


def expect_described(result, values):
    expected = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    expected |= {name: np.quantile(values, level, axis=0) for name, level in LEVELS.items()}
    assert set(result) >= {*expected, "count"}
    for kind, value in expected.items():
        np.testing.assert_allclose(result[kind], value, rtol=1e-9, atol=1e-12)
    assert result["count"] == [len(values)]
