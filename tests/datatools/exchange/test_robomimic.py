import h5py
import numpy as np
import pytest
from exchange_testing import EPISODES, INSTRUCTION, LOW, all_values, length, values

from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.robomimic import open_robomimic
from praxia.datatools.exchange.source import ImportOptions

STATE = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")


@pytest.fixture(scope="module")
def imported(robomimic, import_source, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "set"
    result = import_source("robomimic", robomimic, out)
    return Dataset(out), result


def test_every_number_and_every_frame(imported, check_images):
    dataset, result = imported
    state = np.concatenate([all_values(key, LOW[key]) for key in STATE], axis=1)
    np.testing.assert_array_equal(dataset.column("observation.state"), state)
    action = [np.clip(values("action", episode, 7), -1, 1) for episode in EPISODES]
    np.testing.assert_array_equal(dataset.column("action"), np.concatenate(action).astype(np.float32))
    assert dataset.episodes.length.tolist() == [length(episode) for episode in EPISODES]
    check_images(dataset, {"front": "front", "wrist": "wrist"})
    exact = np.concatenate([*(values(key, e, LOW[key]).ravel() for key in STATE for e in EPISODES)])
    at_least = np.abs(exact - exact.astype(np.float32)).max()
    assert at_least <= result["largest_rounding"] < 1e-6


def test_outcomes(imported):
    dataset, result = imported
    assert dataset.episodes.success.tolist() == [episode % 3 != 2 for episode in EPISODES]
    reward = np.concatenate([[0] * (length(e) - 2) + [e % 3 != 2] * 2 for e in EPISODES])
    np.testing.assert_array_equal(dataset.column("next.reward")[:, 0], reward)
    np.testing.assert_array_equal(dataset.column("next.terminated")[:, 0], reward == 1)
    assert dataset.column("next.truncated")[:, 0].tolist() == [t == 7 for t in range(13)], (
        "an episode that never terminates is truncated"
    )
    assert set(result["assumed"]) == {"executed_action", "truncated"}


def test_embodiment_rate_and_names(imported):
    dataset, result = imported
    assert (dataset.fps, dataset.episodes.task[0], dataset.episodes.instruction[0]) == (20.0, "Lift", INSTRUCTION)
    assert [(part.name, part.unit) for part in dataset.embodiment.state] == list(
        zip(STATE, ("m", "", "m"), strict=True)
    )
    (action,) = dataset.embodiment.action
    assert (action.kind, action.low, action.high) == ("delta", -1.0, 1.0)
    assert dataset.records[1]["start"]["payload"] == {"file": "image.hdf5", "episode": "demo_2"}
    assert {"obs/robot0_joint_pos", "obs/object", "states", "next_obs"} <= set(result["left_out"])


def test_a_mask_in_natural_order(robomimic, import_source, check_images, tmp_path):
    import_source(
        "robomimic", robomimic, tmp_path / "set", mask="valid", cameras=("front",), state=("robot0_joint_pos",)
    )
    dataset = Dataset(tmp_path / "set")
    check_images(dataset, {"front": "front"}, (2, 10))
    np.testing.assert_array_equal(dataset.column("observation.state"), all_values("robot0_joint_pos", 7, (2, 10)))
    with pytest.raises(UnknownName, match="unknown mask 'vlaid'; nearest: valid"):
        import_source("robomimic", robomimic, tmp_path / "other", mask="vlaid")


def test_without_images_the_state_includes_objects(make_robomimic, import_source, tmp_path):
    other = {"env_type": 2, "env_kwargs": {"env_lang": "hop"}}
    source = make_robomimic(tmp_path / "low.hdf5", episodes=(0, 1, 2), env_args=other, cameras=())
    with pytest.raises(PraxiaError, match=r"low.hdf5 does not state its control rate; .*--fps"):
        import_source("robomimic", source, tmp_path / "set", instruction=None)
    result = import_source("robomimic", source, tmp_path / "set", instruction=None, fps=12.5)
    dataset = Dataset(tmp_path / "set")
    assert (result["psnr_db"], dataset.cameras, dataset.fps) == ({}, (), 12.5)
    assert dataset.embodiment.state[-1].name == "object"
    assert dataset.episodes.instruction == ("hop",) * 3
    assert dataset.episodes.success.all(), "only robosuite's reward means success"
    assert "success" in result["assumed"]
    assert (dataset.episodes.task[0], result["assumed"]["task"]) == ("low", "low, the file's name")


def test_missing_arrays_are_named(make_robomimic, import_source, tmp_path):
    source = make_robomimic(tmp_path / "image.hdf5", episodes=(0, 1, 2))
    with pytest.raises(PraxiaError, match=r"has no instruction for /data/demo_0; .*--instruction"):
        import_source("robomimic", source, tmp_path / "set", instruction=None)
    with pytest.raises(UnknownName, match="unknown array of the state 'robot0_eef'; nearest: robot0_eef"):
        import_source("robomimic", source, tmp_path / "set", state=("robot0_eef",))
    with h5py.File(source, "r+") as file:
        file["data/demo_1/obs/robot0_eef_pos"][1] = np.inf
        del file["data/demo_2/obs/robot0_eef_quat"]
    with pytest.raises(DataError, match=r"no 'robot0_eef_quat' in /data/demo_2/obs, .*Available: front_image"):
        import_source("robomimic", source, tmp_path / "set")
    with pytest.raises(DataError, match=r"image.hdf5/data/demo_1/obs/robot0_eef_pos: expected finite"):
        import_source("robomimic", source, tmp_path / "set", state=("robot0_eef_pos",))
    with h5py.File(source, "r+") as file:
        file["data/demo_0"].attrs["num_samples"] = 99
    with pytest.raises(DataError, match=r"/data/demo_0: expected arrays of one length.*num_samples 99"):
        import_source("robomimic", source, tmp_path / "set", state=("robot0_eef_pos",))


OSC = {"type": "OSC_POSE", "output_max": [0.05] * 6, "gripper": {"type": "GRIP"}}
BASE = {"type": "JOINT_VELOCITY", "vel_limits": [-1, 1], "interpolation": None}


def composite(**parts):
    return {"type": "BASIC", "body_parts": parts}


@pytest.mark.parametrize(
    ("controllers", "kind", "assumed"),
    [
        ({**OSC, "control_delta": True}, "delta", None),
        ({**OSC, "control_delta": False}, "position", None),
        ({**OSC, "input_type": "delta"}, "delta", None),
        ([{**OSC, "control_delta": True}, {**OSC, "control_delta": True}], "delta", None),
        (composite(right={**OSC, "input_type": "delta"}), "delta", None),
        (composite(right={**OSC, "input_type": "absolute"}), "position", None),
        (
            composite(arms={"right": {**OSC, "input_type": "delta"}, "left": {**OSC, "input_type": "delta"}}),
            "delta",
            None,
        ),
        (composite(right={**OSC, "input_type": "delta"}, base=BASE), "delta", "all of it delta, of delta and velocity"),
        (
            composite(right={**OSC, "input_type": "delta"}, left={**OSC, "input_type": "absolute"}),
            "position",
            "all of it position, of delta and position",
        ),
        (composite(right={"type": "JOINT_VELOCITY", "input_max": 1}), "velocity", None),
        (composite(right={"type": "JOINT_TORQUE"}), "torque", None),
        (composite(right=None), "position", None),
        ({"type": "BASIC", "body_parts": None}, "position", None),
        (None, "position", None),
    ],
)
def test_kinds_of_actions_follow_robosuites_controllers(make_robomimic, tmp_path, controllers, kind, assumed):
    env_args = {"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 20, "controller_configs": controllers}}
    path = make_robomimic(tmp_path / "set.hdf5", episodes=range(1), env_args=env_args, cameras=())
    source = open_robomimic(path, ImportOptions(instruction=INSTRUCTION))
    (action,) = source.embodiment.action
    assert (action.kind, action.low) == (kind, None if kind == "position" else -1.0)
    assert source.plan["assumed"].get("action") == assumed


@pytest.mark.parametrize(
    "env_args", [None, {}, {"env_name": "real", "type": 4, "env_kwargs": None}, {"env_kwargs": [1]}, {"env_name": None}]
)
def test_a_file_without_env_args_needs_only_a_rate(make_robomimic, import_source, tmp_path, env_args):
    path = make_robomimic(tmp_path / "set.hdf5", episodes=range(2), env_args=env_args, cameras=())
    with pytest.raises(PraxiaError, match="--fps"):
        import_source("robomimic", path, tmp_path / "set")
    result = import_source("robomimic", path, tmp_path / "set", fps=20.0)
    assert result["assumed"]["success"], "no robosuite result what its rewards mean"


def test_demos_come_in_natural_order_and_other_groups_are_listed(make_robomimic, import_source, check_images, tmp_path):
    path = make_robomimic(tmp_path / "set.hdf5", episodes=(0, 1, 2))
    with h5py.File(path, "r+") as file:
        file.move("data/demo_0", "data/episode_10")
        file.move("data/demo_1", "data/episode_9")
        file["data/notes/by"] = 1.0
        file["data/demo_2/obs/late"] = np.zeros(3)
        file["data/demo_2/tactile"] = np.zeros(3)
    result = import_source("robomimic", path, tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    assert [one["provenance"]["episode"] for one in dataset.records] == ["demo_2", "episode_9", "episode_10"]
    check_images(dataset, {"front": "front", "wrist": "wrist"}, episodes=(2, 1, 0))
    assert result["assumed"]["order"] == "as the demos' names rise"
    assert {"data/notes", "obs/late", "tactile"} < set(result["left_out"])
