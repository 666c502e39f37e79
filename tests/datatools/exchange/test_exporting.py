import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from exchange_testing import INSTRUCTION, all_values

from praxia.cli.main import main
from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.exporting import export
from praxia.datatools.exchange.importing import open_source
from praxia.datatools.exchange.source import ImportOptions

NUMBERS = (
    "observation.state",
    "action",
    "action.executed",
    "next.reward",
    "next.success",
    "next.terminated",
    "next.truncated",
    "next.done",
    "timestamp",
    "episode_index",
)


@pytest.fixture(scope="module")
def exported(recorded, tmp_path_factory):
    """A robomimic file of the recorded episodes, and the result of the export."""
    path = tmp_path_factory.mktemp("exported") / "out.hdf5"
    return path, export(recorded, "robomimic", path)


def test_robomimic_round_trip(recorded, exported, import_source, synthetic, tmp_path):
    """Every column, embodiment, instruction, task and outcome; images after a second encoding."""
    path, result = exported
    assert (result["episodes"], result["filled"]) == (8, {})
    import_source("robomimic", path, tmp_path / "set", instruction=None)
    before, after = Dataset(recorded), Dataset(tmp_path / "set")
    for feature in NUMBERS:
        np.testing.assert_array_equal(after.column(feature), before.column(feature), err_msg=feature)
    assert after.embodiment == before.embodiment
    assert (after.episodes.instruction, after.episodes.task) == (before.episodes.instruction, before.episodes.task)
    assert after.episodes.success.tolist() == before.episodes.success.tolist()
    assert after.records[3]["provenance"]["assumed"] == {}
    for camera in synthetic.CAMERAS:
        frames = np.arange(before.num_frames)
        labels = [synthetic.read_label(image) for image in after.decode(camera, frames)]
        assert labels == [synthetic.read_label(image) for image in before.decode(camera, frames)]


def test_an_empty_instruction_round_trips(aloha, import_source, tmp_path):
    import_source("aloha", aloha, tmp_path / "set", instruction="")
    assert set(Dataset(tmp_path / "set").episodes.instruction) == {""}
    export(tmp_path / "set", "robomimic", tmp_path / "out.hdf5")
    import_source("robomimic", tmp_path / "out.hdf5", tmp_path / "again", instruction=None)
    assert set(Dataset(tmp_path / "again").episodes.instruction) == {""}


def test_assumed_success_is_not_exported_as_recorded(aloha, import_source, tmp_path):
    result = import_source("aloha", aloha, tmp_path / "set")
    assert (result["successes"], result["unknown_outcomes"]) == (None, result["episodes"])
    export(tmp_path / "set", "robomimic", tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert not any("successes" in demo for demo in file["data"].values())
        assert len(file["mask/successful"]) == 0


def test_camera_order_and_task_round_trip(exported, tmp_path):
    shutil.copy(exported[0], tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5", "r+") as file:
        env_args = json.loads(file["data"].attrs["env_args"])
        env_args["praxia"]["cameras"].reverse()
        file["data"].attrs["env_args"] = json.dumps(env_args)
    source = open_source("robomimic", tmp_path / "out.hdf5", ImportOptions(task="other"))
    assert [camera.name for camera in source.embodiment.cameras] == ["wrist", "front"]
    assert source.steps(0).task == "other", "an option overrides the file"


def test_the_layout_of_robomimic(recorded, exported, synthetic):
    dataset = Dataset(recorded)
    with h5py.File(exported[0]) as file:
        data = file["data"]
        assert sorted(data) == [f"demo_{episode}" for episode in range(8)]
        assert data.attrs["total"] == dataset.num_frames
        env_args = json.loads(data.attrs["env_args"])
        assert (env_args["env_type"], env_args["env_kwargs"]["control_freq"]) == (2, 80)
        demo = data["demo_1"]
        n = synthetic.episode(1).state.shape[0]
        assert demo.attrs["num_samples"] == n
        assert {key: demo[key].shape for key in ("actions", "rewards", "dones")} == {
            "actions": (n, 3),
            "rewards": (n,),
            "dones": (n,),
        }
        assert set(demo["obs"]) == {"hand", "grip", "front_image", "wrist_image"}
        np.testing.assert_array_equal(demo["obs/hand"], synthetic.episode(1).state[:, :3])
        assert demo["obs/wrist_image"].dtype == np.uint8
        assert [name.decode() for name in file["mask/successful"]] == [f"demo_{e}" for e in (0, 1, 3, 4, 6, 7)]


def test_aloha_keeps_states_actions_and_images(make_aloha, import_source, check_images, tmp_path):
    source = make_aloha(tmp_path / "source", episodes=(0, 1, 2), base=True)
    import_source("aloha", source, tmp_path / "set", state=("qpos", "qvel"))
    result = export(tmp_path / "set", "aloha", tmp_path / "out")
    assert result["filled"] == {}
    assert "instructions and tasks" in result["lost"]
    with h5py.File(tmp_path / "out/episode_2.hdf5") as file:
        assert not file.attrs["sim"]
        with h5py.File(source / "episode_2.hdf5") as original:
            for key in ("observations/qpos", "observations/qvel", "action", "base_action"):
                np.testing.assert_array_equal(file[key], original[key])
    import_source(
        "aloha", tmp_path / "out", tmp_path / "again", state=("qpos", "qvel"), instruction=INSTRUCTION, task="source"
    )
    np.testing.assert_array_equal(
        Dataset(tmp_path / "again").column("observation.state")[:, :14], all_values("qpos", 14, range(3))
    )
    check_images(Dataset(tmp_path / "again"), {"front": "front", "wrist": "wrist"}, range(3))
    assert Dataset(tmp_path / "again").embodiment == Dataset(tmp_path / "set").embodiment


def test_aloha_reports_filled_arrays(recorded, tmp_path):
    assert export(recorded, "aloha", tmp_path / "out")["filled"] == {"observations/qvel": "zeros"}
    with h5py.File(tmp_path / "out/episode_0.hdf5") as file:
        assert file.attrs["sim"], "actions lead from their own row, as in simulation"
        assert not file["observations/qvel"][()].any()


def test_nothing_is_overwritten_and_formats_are_checked(recorded, tmp_path):
    (tmp_path / "out.hdf5").write_text("somebody's")
    with pytest.raises(PraxiaError, match=r"out.hdf5 already exists"):
        export(recorded, "robomimic", tmp_path / "out.hdf5")
    with pytest.raises(UnknownName, match="unknown format 'rlds'"):
        export(recorded, "rlds", tmp_path / "out")


def test_the_verb(make_aloha, import_source, tmp_path, capsys):
    import_source("aloha", make_aloha(tmp_path / "source", episodes=(0,)), tmp_path / "set", cameras=("front",))
    with pytest.raises(SystemExit) as ended:
        main(["data", "export", "robomimic", str(tmp_path / "set"), "--out", str(tmp_path / "o" / "a.hdf5"), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (ended.value.code, result["episodes"], result["frames"]) == (0, 1, 3)
    assert (tmp_path / "o" / "a.hdf5").is_file()


FULL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
from praxia.datatools.exchange.exporting import export
try:
    export(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("format", ["robomimic", "aloha"])
def test_a_full_disk_is_an_error_and_leaves_nothing(recorded, tmp_path, format):
    command = [sys.executable, "-B", "-c", FULL, recorded, format, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "File too large\n")
    assert not list(tmp_path.iterdir())
