import shutil

import h5py
import numpy as np
import pytest
from exchange_testing import EPISODES, INSTRUCTION, length, whole

from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset

CAMERAS = {"front": "front", "wrist": "wrist"}


@pytest.fixture(scope="module")
def imported(aloha, bring, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "set"
    said = bring("aloha", aloha, out)
    return Dataset(out), said


def test_every_number_and_every_frame(imported, spells):
    dataset, _ = imported
    assert dataset.episodes.length.tolist() == [length(episode) for episode in EPISODES]
    np.testing.assert_array_equal(dataset.column("observation.state"), whole("qpos", 14))
    np.testing.assert_array_equal(dataset.column("action"), whole("action", 14))
    np.testing.assert_array_equal(dataset.column("action.executed"), whole("action", 14))
    assert dataset.cameras == ("front", "wrist")
    spells(dataset, CAMERAS)


def test_what_is_known_and_what_is_assumed(imported):
    dataset, said = imported
    embodiment = dataset.embodiment
    assert (embodiment.name, embodiment.control_hz) == ("aloha", 50.0)
    assert [(part.name, part.size, part.unit) for part in embodiment.state][:2] == [
        ("left_arm", 6, "rad"),
        ("left_gripper", 1, ""),
    ]
    record = dataset.records[2]
    assert record["instruction"] == INSTRUCTION
    assert record["task"] == "sim_transfer_cube", "named as the folder is"
    assert record["start"] == {
        "env": "aloha",
        "task": "sim_transfer_cube",
        "payload": {"file": "episode_10.hdf5", "episode": 10},
    }
    assert record["provenance"]["sim"] is False
    unsaid = {"executed_action", "reward", "success", "terminated", "truncated"}
    assert set(record["provenance"]["assumed"]) == {"fps", "task", *unsaid}
    assert record["success"]
    assert said["assumed"] == record["provenance"]["assumed"]
    assert said["assumed"]["fps"].startswith("50 Hz")
    assert said["left_out"] == ["observations/qvel", "observations/effort"]


def test_the_result_says_what_was_compared(imported):
    _, said = imported
    assert (said["episodes"], said["frames"], said["numbers_equal"]) == (3, 13, True)
    assert said["largest_rounding"] == 0, "the files hold float32"
    assert said["images_compared"] == 2 * 13
    assert all(30 < said["psnr_db"][camera] <= said["psnr_mean_db"][camera] <= 100 for camera in CAMERAS)


def test_the_same_source_gives_the_same_content(imported, aloha, bring, tmp_path):
    shutil.copytree(aloha, tmp_path / "elsewhere" / aloha.name)
    again = bring("aloha", tmp_path / "elsewhere" / aloha.name, tmp_path / "set")
    assert again == imported[1]


def test_compressed_images(make_aloha, bring, spells, tmp_path):
    """As ACT's scripts write them red and blue come back in their places; as ordinary JPEGs they would be swapped."""
    source = make_aloha(tmp_path / "source", episodes=(0, 2), compress=True, base=True)
    said = bring("aloha", source, tmp_path / "set", cameras=("front",))
    assert said["assumed"]["jpeg"].startswith("bgr")
    dataset = Dataset(tmp_path / "set")
    spells(dataset, {"front": "front"}, (0, 2))
    np.testing.assert_array_equal(dataset.column("action")[:, 14:], whole("base", 2, (0, 2)))
    assert [part.unit for part in dataset.embodiment.action[-2:]] == ["m/s", "rad/s"]
    said = bring("aloha", source, tmp_path / "swapped", cameras=("front",), jpeg="rgb")
    assert "jpeg" not in said["assumed"]
    frame = np.arange(1)
    swapped = Dataset(tmp_path / "swapped").decode("front", frame)[..., ::-1]
    assert np.abs(swapped.astype(int) - dataset.decode("front", frame)).max() < 12


def test_state_of_several_arrays(aloha, bring, tmp_path):
    said = bring("aloha", aloha, tmp_path / "set", state=("qpos", "qvel"), cameras=("wrist",), fps=25.0, task="cube")
    assert not {"fps", "task", "jpeg"} & set(said["assumed"]), "somebody said so"
    dataset = Dataset(tmp_path / "set")
    np.testing.assert_array_equal(dataset.column("observation.state")[:, 14:], whole("qvel", 14))
    assert (dataset.fps, dataset.cameras, dataset.episodes.task[0]) == (25.0, ("wrist",), "cube")
    assert {part.kind for part in dataset.embodiment.state[4:]} == {"velocity"}


def broken(file):
    del file["action"]


def too_short(file):
    wrong = file["observations/qpos"][:-1]
    del file["observations/qpos"]
    file["observations/qpos"] = wrong


def not_finite(file):
    file["action"][1, 3] = np.nan


def other_size(file):
    for key in ("action", "observations/qpos"):
        narrow = file[key][:, :7]
        del file[key]
        file[key] = narrow


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken, r"episode_1.hdf5 has no 'action' in /.*nearest: observations"),
        (too_short, r"episode_1.hdf5: expected arrays of one length, at least 1, got qpos 3, action 4"),
        (not_finite, r"episode_1.hdf5/action: expected finite numbers.* in step 1"),
        (other_size, r"episode_1.hdf5: expected arrays as in episode_0.hdf5"),
    ],
)
def test_bad_files_are_named(make_aloha, bring, tmp_path, change, message):
    source = make_aloha(tmp_path / "source", episodes=(0, 1))
    with h5py.File(source / "episode_1.hdf5", "r+") as file:
        change(file)
    with pytest.raises(DataError, match=message):
        bring("aloha", source, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_truncated_files_and_no_files(make_aloha, bring, tmp_path):
    source = make_aloha(tmp_path / "source", episodes=(0, 1))
    whole_file = (source / "episode_1.hdf5").read_bytes()
    (source / "episode_1.hdf5").write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(DataError, match=r"episode_1.hdf5 cannot be read as HDF5 \(.*truncated"):
        bring("aloha", source, tmp_path / "set")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected files episode_0.hdf5, \.\.\. in .*empty, got nothing"):
        bring("aloha", tmp_path / "empty", tmp_path / "set")


def test_what_must_be_said(aloha, bring, tmp_path):
    with pytest.raises(PraxiaError, match="--instruction"):
        bring("aloha", aloha, tmp_path / "set", instruction=None)
    with pytest.raises(UnknownName, match="unknown camera 'frnot'; nearest: front"):
        bring("aloha", aloha, tmp_path / "set", cameras=("frnot",))
    with pytest.raises(PraxiaError, match="--mask names a filter key of robomimic"):
        bring("aloha", aloha, tmp_path / "set", mask="valid")


def test_what_is_left_out_of_any_file_and_files_that_are_no_episodes_are_named(make_aloha, bring, tmp_path):
    folder = make_aloha(tmp_path / "lid", episodes=(0, 1))
    with h5py.File(folder / "episode_1.hdf5", "r+") as file:
        file["observations/images_depth/front"] = np.zeros((3, 2, 2), np.uint16)
        file["observations/images/top"] = file["observations/images/front"][()]
    for name in ("episode_2 (copy).hdf5", "test.HDF5", "later.h5", "notes.txt"):
        shutil.copy(folder / "episode_0.hdf5", folder / name)
    said = bring("aloha", folder, tmp_path / "set")
    assert said["episodes"] == 2
    arrays = ["qvel", "effort", "images/top", "images_depth/front"]
    assert said["left_out"] == [
        *(f"observations/{one}" for one in arrays),
        "episode_2 (copy).hdf5",
        "later.h5",
        "test.HDF5",
    ]
