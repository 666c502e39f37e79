import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from praxia.core.errors import DataError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.datatools.check.dataset import check
from praxia.statistics.running import describe

WINDOW = Window({"image.front": (-2, 0), "image.wrist": (0,), "state": (0,)}, horizon=3)


def expect_right(dataset, taken, synthetic, frames=None):
    """Every number equal, and every image of every window the right one, in a shuffled order."""
    np.testing.assert_array_equal(dataset.column("observation.state"), np.concatenate([one.state for one in taken]))
    windows = Windows(dataset, WINDOW, range(dataset.num_episodes))
    order = np.random.default_rng(0).permutation(len(windows))[:frames]
    where = windows.frames_of(order)
    samples = windows.read(order)
    for row, (episode, frame) in enumerate(where):
        number = int(taken[episode].provenance["number"])
        assert samples.instruction[row] == taken[episode].instruction
        np.testing.assert_array_equal(samples.state[row, 0], taken[episode].state[frame])
        np.testing.assert_array_equal(samples.action[row, 0], taken[episode].action[frame])
        assert synthetic.read_label(samples.images["front"][row, 0]) == ("front", number, max(frame - 2, 0))
        assert synthetic.read_label(samples.images["front"][row, 1]) == ("front", number, frame)
        assert synthetic.read_label(samples.images["wrist"][row, 0]) == ("wrist", number, frame)


@pytest.fixture
def write(foreign):
    """Write a foreign data set; its episodes know their number."""

    def do(root, *arguments, episodes=range(6), **options):
        taken = foreign.write(root, *arguments, episodes=episodes, **options)
        for number, one in zip(episodes, taken, strict=True):
            one.provenance["number"] = number
        return taken

    return do


@pytest.mark.parametrize("codec", ["av1", "h264", "hevc", "h264-long", None])
def test_v3_in_every_codec(tmp_path, write, synthetic, codec):
    taken = write(tmp_path / "set", "v3.0", codec)
    for _ in range(2):  # from the videos, then from the cache
        expect_right(Dataset(tmp_path / "set"), taken, synthetic)
    expect_right(Dataset(tmp_path / "set"), taken, synthetic, frames=20)


@pytest.mark.parametrize("codec", ["h264", None])
def test_v2_1(tmp_path, write, synthetic, codec):
    taken = write(tmp_path / "set", "v2.1", codec)
    dataset = Dataset(tmp_path / "set")
    expect_right(dataset, taken, synthetic)
    assert dataset.embodiment.control_hz == 30
    assert (dataset.written_by_praxia, dataset.episodes.instruction) == (False, tuple(one.instruction for one in taken))


def test_a_data_set_at_an_fsspec_location(tmp_path, write, synthetic, own_cache):
    taken = write(tmp_path / "set", "v3.0", "av1", episodes=range(3))
    there = UPath("memory://somewhere/set")
    for path in (tmp_path / "set").rglob("*"):
        if path.is_file():
            to = there / path.relative_to(tmp_path / "set").as_posix()
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    for _ in range(2):
        expect_right(Dataset("memory://somewhere/set"), taken, synthetic)
    assert list(own_cache.rglob("*.rgb"))
    with pytest.raises(DataError, match="cannot be reached"):
        Dataset("nowhere-at-all://bucket/set")


def test_statistics_that_a_writer_left_out_come_from_the_numbers(tmp_path, write):
    taken = write(tmp_path / "set", "v2.1", None, episodes=range(3))
    assert Dataset(tmp_path / "set").stats["action"] == describe(np.concatenate([one.action for one in taken]))


def test_a_data_set_is_pickled_as_its_address(recorded):
    dataset = Dataset(recorded)
    dataset.column("action")
    packed = pickle.dumps(dataset)
    again = pickle.loads(packed)  # noqa: S301 - as a worker process does
    assert len(packed) < 1000
    assert again.root == dataset.root
    np.testing.assert_array_equal(again.decode("front", np.array([3])), dataset.decode("front", np.array([3])))


def test_a_broken_column_that_is_not_read_is_no_error(tmp_path, write):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(tmp_path / "set", "v3.0", None)
    for path in (tmp_path / "set/data/chunk-000").iterdir():
        rows = pq.read_table(path)
        pq.write_table(rows.append_column("effort", pa.nulls(len(rows), pa.float32())), path)
    info = tmp_path / "set/meta/info.json"
    said = json.loads(info.read_text())
    said["features"]["effort"] = {"dtype": "float32", "shape": [1], "names": None}
    info.write_text(json.dumps(said))
    dataset = Dataset(tmp_path / "set")
    assert len(dataset.column("action")) == dataset.num_frames
    with pytest.raises(DataError, match="values of effort are missing"):
        dataset.column("effort")


def test_cameras_of_one_short_name_keep_their_own(tmp_path, write):
    write(tmp_path / "set", "v3.0", None)
    info = tmp_path / "set/meta/info.json"
    said = json.loads(info.read_text())
    said["features"]["observation.front"] = said["features"]["observation.images.front"]
    info.write_text(json.dumps(said))
    dataset = Dataset(tmp_path / "set")
    assert set(dataset.cameras) == {"observation.images.front", "observation.front", "wrist"}
    assert {camera.name for camera in dataset.embodiment.cameras} == set(dataset.cameras)


def test_rows_are_read_in_order_whatever_files_the_table_names(tmp_path, write, synthetic):
    """LeRobot's converter assigns the first episode of a file to the file before."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    taken = write(tmp_path / "set", "v3.0", None, per_file=2)
    path = tmp_path / "set/meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(path)
    at = rows.column_names.index("data/file_index")
    pq.write_table(rows.set_column(at, "data/file_index", pa.array([0, 0, 0, 1, 1, 2])), path)
    expect_right(Dataset(tmp_path / "set"), taken, synthetic)


def shift(rows, name, by):
    import pyarrow as pa

    return rows.set_column(
        rows.column_names.index(name), name, pa.array([value + by for value in rows[name].to_pylist()])
    )


@pytest.mark.parametrize(
    ("name", "by", "error"),
    [
        ("index", 1, r"expected index 0 in row 0, of episode 0, got 1\); in it: episodes 0 to 3"),
        ("frame_index", 1, r"expected frame_index 0 in row 0, of episode 0, got 1"),
        ("episode_index", -1, r"expected episode_index 0 in row 0, of episode 0, got -1"),
        ("task_index", 90, r"file-000.parquet: in episode 0, frame 0, task_index is 90, there are 4 instructions"),
    ],
)
def test_rows_with_wrong_indices(tmp_path, write, name, by, error):
    import pyarrow.parquet as pq

    write(tmp_path / "set", "v3.0", None)
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    pq.write_table(shift(pq.read_table(path), name, by), path)
    with pytest.raises(DataError, match=error):
        Dataset(tmp_path / "set").column("action")


@pytest.mark.parametrize(
    ("name", "by", "error"),
    [
        ("length", 1, "lengths do not add up to the index in episode 0"),
        ("episode_index", 1, "expected episodes numbered from 0"),
        (
            "videos/observation.images.front/from_timestamp",
            0.011,
            "front: from_timestamp is not the time of a frame in episode 0",
        ),
        ("videos/observation.images.wrist/from_timestamp", 1 / 30, "wrist: to_timestamp - from_timestamp is less"),
        ("length", 10**12, "expected a length|lengths do not add up"),
    ],
)
def test_a_table_that_contradicts_itself(tmp_path, write, name, by, error):
    import pyarrow.parquet as pq

    write(tmp_path / "set", "v3.0", "h264", episodes=range(3))
    path = tmp_path / "set/meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(shift(pq.read_table(path), name, by), path)
    with pytest.raises(DataError, match=error):
        Dataset(tmp_path / "set")


def test_two_episodes_of_the_same_images_and_another_rate(tmp_path, write):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(tmp_path / "set", "v3.0", "h264", episodes=(4, 4))
    path = tmp_path / "set/meta/episodes/chunk-000/file-000.parquet"
    whole = pq.read_table(path)
    rows = whole
    for end in ("from", "to"):
        name = f"videos/observation.images.front/{end}_timestamp"
        rows = rows.set_column(rows.column_names.index(name), name, pa.array([rows[name][0].as_py()] * 2))
    pq.write_table(rows, path)
    with pytest.raises(DataError, match="front: its images belong to another episode too in episode 1"):
        Dataset(tmp_path / "set")
    pq.write_table(whole, path)
    info = tmp_path / "set/meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fps": 15}))
    with pytest.raises(DataError, match="from_timestamp is not the time of a frame in episode 1"):
        Dataset(tmp_path / "set").decode("front", np.array([3]))


def test_an_episode_table_in_files_of_different_types(tmp_path, write, synthetic):
    taken = write(tmp_path)
    path = tmp_path / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("length")
    later = table.slice(3).set_column(at, "length", table["length"].slice(3).cast(pa.int32()))
    pq.write_table(table.slice(0, 3), path)
    pq.write_table(later, path.with_name("file-001.parquet"))
    expect_right(Dataset(tmp_path), taken, synthetic)
    pq.write_table(
        later.set_column(at, "length", later["length"].cast(pa.string())), path.with_name("file-001.parquet")
    )
    with pytest.raises(DataError, match="meta/episodes is damaged"):
        Dataset(tmp_path)


def test_an_instruction_of_several_lines_in_the_older_layout(tmp_path, write):
    write(tmp_path, "v2.1")
    for name in ("episodes", "tasks"):
        path = tmp_path / f"meta/{name}.jsonl"
        path.write_text(path.read_text().replace("push object 1", "push\u2028object 1"))  # as jsonlines writes it
    assert "push\u2028object 1 to the wall" in Dataset(tmp_path).instructions


def test_a_rate_that_is_no_number(tmp_path, write):
    write(tmp_path)
    path = tmp_path / "meta/info.json"
    path.write_text(path.read_text().replace('"fps": 30', '"fps": "30"'))
    with pytest.raises(DataError, match=r"info.json is damaged .*fps '30'"):
        Dataset(tmp_path)


def _missing():
    raise FileNotFoundError("http://far/info.json")


def _no_connection():
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError as error:
        raise FileNotFoundError("http://far/info.json") from error  # as fsspec's HTTP driver does


def _no_login():
    raise RuntimeError("403 Forbidden\nand a page of HTML")


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (_missing, "meta/info.json is missing"),
        (_no_connection, r"cannot be reached \(ConnectionRefusedError: .*refused\)"),
        (
            _no_login,
            r"cannot be reached \(RuntimeError: 403 Forbidden\); check the address, the network and",
        ),
    ],
)
def test_an_unreachable_location_is_reported(monkeypatch, driver, said):
    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda self, *_, **__: driver())
    monkeypatch.setattr(MemoryFileSystem, "_open", lambda self, *_, **__: driver())
    with pytest.raises(DataError, match=said):
        Dataset("memory://far/set")


def test_files_that_macos_leaves_beside_others_are_no_part(tmp_path, foreign):
    foreign.write(tmp_path / "set", "v3.0", None, episodes=range(3))
    for path in list((tmp_path / "set").rglob("*.parquet")):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07 no parquet")
    dataset = Dataset(tmp_path / "set")
    assert dataset.num_episodes == 3
    assert len(dataset.column("action")) == dataset.num_frames
    assert check(tmp_path / "set")["ok"]
