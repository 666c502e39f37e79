import shutil

import h5py
import numpy as np
import pytest
from exchange_testing import EPISODES, INSTRUCTION, all_values, length

from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset

CAMERAS = {"front": "front", "wrist": "wrist"}


@pytest.fixture(scope="module")
def imported(aloha, import_source, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "set"
    result = import_source("aloha", aloha, out)
    return Dataset(out), result


def test_every_number_and_every_frame(imported, check_images):
    dataset, _ = imported
    assert dataset.episodes.length.tolist() == [length(episode) for episode in EPISODES]
    np.testing.assert_array_equal(dataset.column("observation.state"), all_values("qpos", 14))
    np.testing.assert_array_equal(dataset.column("action"), all_values("action", 14))
    np.testing.assert_array_equal(dataset.column("action.executed"), all_values("action", 14))
    assert dataset.cameras == ("front", "wrist")
    check_images(dataset, CAMERAS)


def test_known_and_assumed_values(imported):
    dataset, result = imported
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
    unstated = {"executed_action", "reward", "success", "terminated", "truncated"}
    assert set(record["provenance"]["assumed"]) == {"fps", "task", *unstated}
    assert record["success"]
    assert result["assumed"] == record["provenance"]["assumed"]
    assert result["assumed"]["fps"].startswith("50 Hz")
    assert result["left_out"] == ["observations/qvel", "observations/effort"]


def test_the_result_of_the_comparison(imported):
    _, result = imported
    assert (result["episodes"], result["frames"], result["numbers_equal"]) == (3, 13, True)
    assert result["largest_rounding"] == 0, "the files hold float32"
    assert result["images_compared"] == 2 * 13
    assert all(30 < result["psnr_db"][camera] <= result["psnr_mean_db"][camera] <= 100 for camera in CAMERAS)


def test_the_same_source_gives_the_same_content(imported, aloha, import_source, tmp_path):
    shutil.copytree(aloha, tmp_path / "elsewhere" / aloha.name)
    again = import_source("aloha", tmp_path / "elsewhere" / aloha.name, tmp_path / "set")
    assert again == imported[1]


def test_compressed_images(make_aloha, import_source, check_images, tmp_path):
    """Written by ACT's scripts, red and blue come back correctly; read as regular JPEGs they would be swapped."""
    source = make_aloha(tmp_path / "source", episodes=(0, 2), compress=True, base=True)
    result = import_source("aloha", source, tmp_path / "set", cameras=("front",))
    assert result["assumed"]["jpeg"].startswith("bgr")
    dataset = Dataset(tmp_path / "set")
    check_images(dataset, {"front": "front"}, (0, 2))
    np.testing.assert_array_equal(dataset.column("action")[:, 14:], all_values("base", 2, (0, 2)))
    assert [part.unit for part in dataset.embodiment.action[-2:]] == ["m/s", "rad/s"]
    result = import_source("aloha", source, tmp_path / "swapped", cameras=("front",), jpeg="rgb")
    assert "jpeg" not in result["assumed"]
    frame = np.arange(1)
    swapped = Dataset(tmp_path / "swapped").decode("front", frame)[..., ::-1]
    assert np.abs(swapped.astype(int) - dataset.decode("front", frame)).max() < 12


def test_state_of_several_arrays(aloha, import_source, tmp_path):
    result = import_source(
        "aloha", aloha, tmp_path / "set", state=("qpos", "qvel"), cameras=("wrist",), fps=25.0, task="cube"
    )
    assert not {"fps", "task", "jpeg"} & set(result["assumed"]), "given by the user"
    dataset = Dataset(tmp_path / "set")
    np.testing.assert_array_equal(dataset.column("observation.state")[:, 14:], all_values("qvel", 14))
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
def test_bad_files(make_aloha, import_source, tmp_path, change, message):
    source = make_aloha(tmp_path / "source", episodes=(0, 1))
    with h5py.File(source / "episode_1.hdf5", "r+") as file:
        change(file)
    with pytest.raises(DataError, match=message):
        import_source("aloha", source, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_truncated_files_and_no_files(make_aloha, import_source, tmp_path):
    source = make_aloha(tmp_path / "source", episodes=(0, 1))
    whole_file = (source / "episode_1.hdf5").read_bytes()
    (source / "episode_1.hdf5").write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(DataError, match=r"episode_1.hdf5 cannot be read as HDF5 \(.*truncated"):
        import_source("aloha", source, tmp_path / "set")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected files episode_0.hdf5, \.\.\. in .*empty, got nothing"):
        import_source("aloha", tmp_path / "empty", tmp_path / "set")


def test_required_options(aloha, import_source, tmp_path):
    with pytest.raises(PraxiaError, match="--instruction"):
        import_source("aloha", aloha, tmp_path / "set", instruction=None)
    with pytest.raises(UnknownName, match="unknown camera 'frnot'; nearest: front"):
        import_source("aloha", aloha, tmp_path / "set", cameras=("frnot",))
    with pytest.raises(PraxiaError, match="--mask names a filter key of robomimic"):
        import_source("aloha", aloha, tmp_path / "set", mask="valid")


def test_ignored_arrays_and_files_are_listed(make_aloha, import_source, tmp_path):
    folder = make_aloha(tmp_path / "lid", episodes=(0, 1))
    with h5py.File(folder / "episode_1.hdf5", "r+") as file:
        file["observations/images_depth/front"] = np.zeros((3, 2, 2), np.uint16)
        file["observations/images/top"] = file["observations/images/front"][()]
    for name in ("episode_2 (copy).hdf5", "test.HDF5", "later.h5", "notes.txt"):
        shutil.copy(folder / "episode_0.hdf5", folder / name)
    result = import_source("aloha", folder, tmp_path / "set")
    assert result["episodes"] == 2
    arrays = ["qvel", "effort", "images/top", "images_depth/front"]
    assert result["left_out"] == [
        *(f"observations/{one}" for one in arrays),
        "episode_2 (copy).hdf5",
        "later.h5",
        "test.HDF5",
    ]
