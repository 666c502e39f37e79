import json
import pickle
import zipfile

import numpy as np
import pytest
import zarr
from exchange_testing import EPISODES, length, whole

from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset


@pytest.fixture(scope="module")
def imported(pusht, bring, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "set"
    said = bring("diffusion-policy", pusht, out)
    return Dataset(out), said


def test_every_number_and_every_frame(imported, spells):
    dataset, said = imported
    np.testing.assert_array_equal(dataset.column("observation.state"), whole("state", 5))
    np.testing.assert_array_equal(dataset.column("action"), whole("action", 2))
    assert dataset.episodes.length.tolist() == [length(episode) for episode in EPISODES]
    spells(dataset, {"img": "front"})
    assert said["left_out"] == ["data/keypoint"]
    assert (said["assumed"]["fps"], said["assumed"]["task"]) == ("10 Hz, PushT's", "pusht_replay, the source's name")
    assert (dataset.fps, dataset.embodiment.name, dataset.episodes.task[0]) == (10.0, "pusht", "pusht_replay")
    assert dataset.records[2]["start"]["payload"] == {"file": "pusht_replay.zarr", "episode": 2}


def test_a_zip_is_the_same(imported, pusht, bring, tmp_path):
    path = tmp_path / "pusht_replay.zarr.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part in pusht.rglob("*"):
            file.write(part, part.relative_to(pusht))
    bring("diffusion-policy", path, tmp_path / "set")
    for feature in ("observation.state", "action", "frame_index"):
        np.testing.assert_array_equal(Dataset(tmp_path / "set").column(feature), imported[0].column(feature))


def test_other_buffers_must_be_described(make_pusht, bring, tmp_path):
    source = make_pusht(tmp_path / "other.zarr", episodes=(0, 1), state=8, keypoint=False)
    with pytest.raises(PraxiaError, match=r"other.zarr does not say its control rate; .*--fps"):
        bring("diffusion-policy", source, tmp_path / "set")
    with pytest.raises(UnknownName, match="unknown array of the state 'robot_eef_pose'; nearest: state"):
        bring("diffusion-policy", source, tmp_path / "set", state=("robot_eef_pose",), fps=10.0)
    said = bring("diffusion-policy", source, tmp_path / "set", fps=20.0)
    assert "fps" not in said["assumed"]
    assert Dataset(tmp_path / "set").embodiment.state[0].unit == "", "nothing is known about it"


def change(source, name, **to):
    path = source / "data" / name / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | to))


def lose_a_chunk(source):
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
    """Whoever unpickles it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def would_run_code(source):
    change(source, "state", compressor={"id": "pickle", "protocol": 5})
    (source / "data/state/0.0").write_bytes(pickle.dumps(Opens(source / "ran")))


def dim_pictures(source):
    pictures = zarr.open_group(source, mode="r+")["data/img"]
    pictures[:] = pictures[:] / 255


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose_a_chunk, r"data/state has 1 of 2 chunks"),
        (damage_a_chunk, r"data/state/0.0 is truncated: expected \d+ bytes, got 40"),
        (shrink, r"expected arrays of one length.*state 25, .*action 20, episode_ends 25"),
        (unordered, r"expected rising whole numbers in meta/episode_ends, got \[3, 2"),
        (would_run_code, r"set.zarr.* 'pickle'"),
        (dim_pictures, r"data/img, episode 0: expected levels from 0 to 255, got 0.0\d+ to 0.9"),
    ],
)
def test_bad_buffers_are_named(make_pusht, bring, tmp_path, spoil, message):
    source = make_pusht(tmp_path / "set.zarr", episodes=range(6))
    spoil(source)
    with pytest.raises(DataError, match=message):
        bring("diffusion-policy", source, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    assert not (source / "ran").exists()


def test_what_is_no_buffer(bring, tmp_path):
    (tmp_path / "no.zarr.zip").write_bytes(b"PK not really")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "no.zarr.zip": r"expected a zarr folder or a .zarr.zip, got .*no.zarr.zip$",
        "nowhere": "nowhere, which is not there",
        "empty": "empty cannot be read as zarr",
    }.items():
        with pytest.raises(DataError, match=message):
            bring("diffusion-policy", tmp_path / name, tmp_path / "set")
