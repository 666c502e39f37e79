import json
import pickle
import zipfile

import numpy as np
import pytest
import zarr
from exchange_testing import EPISODES, all_values, length
from zarr.storage import LocalStore, ZipStore

from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset


@pytest.fixture(scope="module")
def imported(pusht, import_source, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "set"
    result = import_source("diffusion-policy", pusht, out)
    return Dataset(out), result


def test_every_number_and_every_frame(imported, check_images):
    dataset, result = imported
    np.testing.assert_array_equal(dataset.column("observation.state"), all_values("state", 5))
    np.testing.assert_array_equal(dataset.column("action"), all_values("action", 2))
    assert dataset.episodes.length.tolist() == [length(episode) for episode in EPISODES]
    check_images(dataset, {"img": "front"})
    assert result["left_out"] == ["data/keypoint"]
    assert (result["assumed"]["fps"], result["assumed"]["task"]) == (
        "10 Hz, PushT's",
        "pusht_replay, the source's name",
    )
    assert (dataset.fps, dataset.embodiment.name, dataset.episodes.task[0]) == (10.0, "pusht", "pusht_replay")
    assert dataset.records[2]["start"]["payload"] == {"file": "pusht_replay.zarr", "episode": 2}


def test_a_zip_is_the_same(imported, pusht, import_source, tmp_path):
    path = tmp_path / "pusht_replay.zarr.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part in pusht.rglob("*"):
            file.write(part, part.relative_to(pusht))
    import_source("diffusion-policy", path, tmp_path / "set")
    for feature in ("observation.state", "action", "frame_index"):
        np.testing.assert_array_equal(Dataset(tmp_path / "set").column(feature), imported[0].column(feature))


def test_other_buffers_require_options(make_pusht, import_source, tmp_path):
    source = make_pusht(tmp_path / "other.zarr", episodes=(0, 1), state=8, keypoint=False)
    with pytest.raises(PraxiaError, match=r"other.zarr does not state its control rate; .*--fps"):
        import_source("diffusion-policy", source, tmp_path / "set")
    with pytest.raises(UnknownName, match="unknown array of the state 'robot_eef_pose'; nearest: state"):
        import_source("diffusion-policy", source, tmp_path / "set", state=("robot_eef_pose",), fps=10.0)
    result = import_source("diffusion-policy", source, tmp_path / "set", fps=20.0)
    assert "fps" not in result["assumed"]
    assert Dataset(tmp_path / "set").embodiment.state[0].unit == "", "nothing is known about it"


def change(source, name, **to):
    path = source / "data" / name / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | to))


def lose_a_chunk(source):
    """Of a buffer whose writer stores chunks of zeros, such as those of its actions."""
    change(source, "action", compressor=None)
    for chunk in ("0.0", "1.0"):
        (source / "data/action" / chunk).write_bytes(bytes(16 * 2 * 4))
    (source / "data/state/1.0").unlink()


def lose_what_nothing_fills(source):
    change(source, "state", fill_value=None)
    (source / "data/state/1.0").unlink()


def damage_a_chunk(source):
    chunk = source / "data/state/0.0"
    chunk.write_bytes(chunk.read_bytes()[:40])


def shrink(source):
    root = zarr.open_group(source, mode="r+")
    root["data/action"].resize((20, 2))


def unordered(source):
    ends = zarr.open_group(source, mode="r+")["meta/episode_ends"]
    ends[1] = 2


class Opens:
    """Unpickling it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def would_run_code(source):
    change(source, "state", compressor={"id": "pickle", "protocol": 5})
    (source / "data/state/0.0").write_bytes(pickle.dumps(Opens(source / "ran")))


def dim_images(source):
    images = zarr.open_group(source, mode="r+")["data/img"]
    images[:] = images[:] / 255


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose_a_chunk, r"data/state has 1 of 2 chunks, and data/action stores chunks of nothing but its fill value"),
        (lose_what_nothing_fills, r"data/state has 1 of 2 chunks, and it has no fill value"),
        (damage_a_chunk, r"data/state/0.0 is truncated: expected \d+ bytes, got 40"),
        (shrink, r"expected arrays of one length.*state 25, .*action 20, episode_ends 25"),
        (unordered, r"expected increasing integers in meta/episode_ends, got \[3, 2"),
        (would_run_code, r"set.zarr.* 'pickle'"),
        (dim_images, r"data/img, episode 0: expected levels from 0 to 255, got 0.0\d+ to 0.9"),
    ],
)
def test_bad_buffers(make_pusht, import_source, tmp_path, spoil, message):
    source = make_pusht(tmp_path / "set.zarr", episodes=range(6))
    spoil(source)
    with pytest.raises(DataError, match=message):
        import_source("diffusion-policy", source, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    assert not (source / "ran").exists()


def test_not_a_buffer(import_source, tmp_path):
    (tmp_path / "no.zarr.zip").write_bytes(b"PK not really")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "no.zarr.zip": r"expected a zarr folder or a .zarr.zip, got .*no.zarr.zip$",
        "nowhere": "nowhere, which does not exist",
        "empty": "empty cannot be read as zarr",
    }.items():
        with pytest.raises(DataError, match=message):
            import_source("diffusion-policy", tmp_path / name, tmp_path / "set")


@pytest.mark.parametrize(("format", "shards"), [(2, False), (3, False), (3, True)])
@pytest.mark.parametrize("zipped", [False, True])
def test_chunks_of_the_fill_value_need_not_be_stored(import_source, tmp_path, format, shards, zipped):
    """zarr's writer omits them: zero actions, a black image, a state that stays 5 for a while."""
    where = tmp_path / ("set.zarr.zip" if zipped else "set.zarr")
    n, draw = 24, np.random.default_rng(0)
    arrays = {"action": draw.normal(size=(n, 2)), "state": draw.normal(size=(n, 3))}
    arrays["camera"] = draw.integers(0, 256, (n, 16, 16, 3)).astype(np.uint8)
    arrays["action"][4:16], arrays["state"][8:12], arrays["camera"][20:] = 0, 5, 0
    with ZipStore(where, mode="w") if zipped else LocalStore(where) as store:
        root = zarr.open_group(store, mode="w", zarr_format=format)
        for name, rows in arrays.items():
            layout = {"chunks": (4, *rows.shape[1:]), "fill_value": 5 if name == "state" else 0}
            layout |= {"shards": (8, *rows.shape[1:])} if shards else {}
            root.create_array(f"data/{name}", shape=rows.shape, dtype=rows.dtype, **layout)[:] = rows
        root.create_array("meta/episode_ends", data=np.array([10, n]))
    result = import_source("diffusion-policy", where, tmp_path / "set", fps=10.0)
    unstored = {"action": 1 if shards else 3, "camera": 0 if shards else 1, "state": 0 if shards else 1}
    assert {name: result["assumed"].get(f"data/{name}") for name in arrays} == {
        name: f"its fill value in {count} chunks that are not stored" if count else None
        for name, count in unstored.items()
    }
    dataset = Dataset(tmp_path / "set")
    for feature, name in (("action", "action"), ("observation.state", "state")):
        np.testing.assert_array_equal(dataset.column(feature), arrays[name].astype(np.float32))
    assert dataset.decode("camera", np.array([21])).max() < 16


def test_a_float_image_may_be_black(make_pusht, import_source, tmp_path):
    source = make_pusht(tmp_path / "set.zarr", episodes=range(2))
    images = zarr.open_group(source, mode="r+")["data/img"]
    images[:] = 0
    assert import_source("diffusion-policy", source, tmp_path / "set")["episodes"] == 2


def test_ignored_arrays_are_listed(make_pusht, import_source, tmp_path):
    source = make_pusht(tmp_path / "set.v2.zarr", episodes=range(2))
    root = zarr.open_group(source, mode="r+")
    root.create_array("meta/operator", data=np.zeros(2))
    root.create_array("extra", data=np.zeros(2))
    result = import_source("diffusion-policy", source, tmp_path / "set")
    assert sorted(result["left_out"]) == ["data/keypoint", "extra", "meta/operator"]
    assert result["assumed"]["task"] == "set.v2, the source's name"
