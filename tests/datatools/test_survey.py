import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from praxia.cli.data.stats import run
from praxia.core.embodiment import Field
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.datatools.statistics_warnings import find_warnings
from praxia.datatools.survey import survey
from praxia.statistics.running import describe

# Commanded by target positions: its actions can be relative.
PLACED = (Field("hand", 2, "position", "m", low=-5.0, high=5.0), Field("close", 1, "gripper", ""))


@pytest.fixture(scope="session")
def position_set(synthetic, tmp_path_factory):
    """Episodes 0 to 2 of another embodiment, without images, whose actions are positions."""
    seen = (Field("hand", 2, "position", "m"), Field("grip", 2, "gripper", ""))
    embodiment = replace(synthetic.EMBODIMENT, name="placed", state=seen, action=PLACED, cameras=())
    root = tmp_path_factory.mktemp("placed") / "set"
    begin_recording(root, {})
    for index in range(3):
        stage_episode(root, index, replace(synthetic.episode(index), embodiment=embodiment, images={}))
    finalize(root, embodiment, {})
    return root


@pytest.fixture(scope="session")
def second_set(record, tmp_path_factory):
    root = tmp_path_factory.mktemp("second") / "set"
    record(root, [8, 9])
    return root


def test_data_sets_of_one_embodiment_are_merged_and_of_another_kept_apart(
    recorded, second_set, position_set, synthetic, monkeypatch
):
    monkeypatch.setattr("praxia.datatools.survey.MAX_ROWS", 7)
    result = run([str(recorded), str(position_set), str(second_set)])
    assert set(result["embodiments"]) == {"synthetic", "placed"}
    both = result["embodiments"]["synthetic"]
    assert (both["episodes"], both["data"]) == (10, [str(recorded), str(second_set)])
    all_values = np.concatenate([synthetic.episode(index).state for index in range(10)]).astype(np.float64)
    found = both["features"]["observation.state"]
    assert both["frames"] == found["count"][0] == len(all_values)
    assert found["dims"] == ["hand.0", "hand.1", "hand.2", "grip"]
    assert found["rank_error"] == 0
    np.testing.assert_allclose(found["std"], all_values.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found["q99"], np.quantile(all_values, 0.99, axis=0), rtol=1e-9)


def test_json_round_trip(recorded):
    result = run([str(recorded)])
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    found = result["embodiments"]["synthetic"]["features"]
    for feature in ("observation.state", "action", "action.executed"):
        for name, values in Dataset(recorded).stats[feature].items():
            np.testing.assert_allclose(found[feature][name], values, rtol=1e-9)


def test_unreadable_videos_do_not_matter(record, tmp_path, capsys):
    record(tmp_path / "set", range(2))
    all_values = run([str(tmp_path / "set"), "--horizon", "3"])
    for video in (tmp_path / "set").rglob("*.mp4"):
        video.write_bytes(b"x" * video.stat().st_size)
    assert run([str(tmp_path / "set"), "--horizon", "3"]) == all_values
    assert "in chunks of 3, quantiles exact" in capsys.readouterr().err
    dataset = Dataset(tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "videos")
    assert survey([(dataset, range(2))], 3)["embodiments"] == all_values["embodiments"]


def test_relative_actions_of_chunks(position_set, synthetic):
    result = run([str(position_set), "--horizon", "4", "--relative"])
    embodiment = result["embodiments"]["placed"]
    assert (embodiment["horizon"], embodiment["relative"]) == (4, ["hand.0", "hand.1"])
    rows = []
    for index in range(3):
        episode = synthetic.episode(index)
        for now in range(len(episode)):
            away = np.pad(episode.state[now, :2].astype(np.float64), (0, 1))
            rows += [action - away for action in episode.action[now : now + 4]]
    np.testing.assert_allclose(embodiment["features"]["action"]["mean"], np.mean(rows, axis=0), rtol=1e-6)
    np.testing.assert_allclose(embodiment["features"]["action"]["q01"], np.quantile(rows, 0.01, axis=0), rtol=1e-6)
    mapped = run([str(position_set), "--horizon", "4", "--relative", "--relative-to", "hand", "hand"])
    assert mapped == result


def test_a_recipe_sets_horizon_and_episodes(recorded):
    result = run([str(recorded), "--recipe", "flow-pusht"])["embodiments"]["synthetic"]
    assert (result["horizon"], result["episodes"]) == (16, 6)
    assert run([str(recorded), "--recipe", "flow-pusht", "--horizon", "2"])["embodiments"]["synthetic"]["horizon"] == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--relative"], "add --horizon H or --recipe NAME"),
        (["--relative", "--horizon", "4"], r"got 'synthetic' with actions 'move' \(delta \[2\] m\)"),
        (["--horizon", "0"], "horizon of at least 1, got 0"),
    ],
)
def test_invalid_requests_are_refused(recorded, more, message):
    with pytest.raises(PraxiaError, match=message):
        run([str(recorded), *more])


def test_no_data_set_and_no_episode_are_refused(recorded):
    with pytest.raises(PraxiaError, match="folder of a data set, got none"):
        run([])
    with pytest.raises(DataError, match="expected an episode of"):
        survey([(Dataset(recorded), [])])


def test_one_embodiment_with_two_meanings_is_refused(recorded, position_set, synthetic, monkeypatch):
    other = Dataset(position_set)
    monkeypatch.setattr(other, "embodiment", replace(other.embodiment, name="synthetic"))
    with pytest.raises(MismatchError, match="'synthetic' has other numbers in"):
        survey([(Dataset(recorded), [0]), (other, [0])])


def test_a_non_finite_number_is_named(recorded, monkeypatch):
    dataset, column = Dataset(recorded), Dataset.column
    broken = dataset.column("action").copy()
    broken[dataset.episodes.first[3] + 4, 1] = np.inf
    monkeypatch.setattr(Dataset, "column", lambda self, name: broken if name == "action" else column(self, name))
    with pytest.raises(DataError, match="'action' that is not finite in frame 4 of episode 3"):
        survey([(dataset, range(8))])


def kinds(values, low=None, high=None):
    described = describe(np.asarray(values, np.float32)[:, None])
    return {
        warning.kind: warning.text
        for warning in find_warnings(described, ["x"], [Field("x", 1, "position", "m", "", low, high)])
    }


def test_each_kind_of_warning():
    draw = np.random.default_rng(0)
    normal = draw.normal(size=5000)
    assert kinds(normal) == {}
    assert kinds(np.clip(normal, -1, 1), -1.0, 1.0) == {}
    assert kinds(np.full(50, 0.3)) == {"still": "never moves: always 0.3 m"}
    spiked = kinds(np.where(np.arange(5000) < 20, 1000 * normal, normal))
    assert set(spiked) == {"outliers"}
    assert "98% of the values are within [-2." in spiked["outliers"]
    assert "outside the declared [-1, inf] m" in kinds(normal, low=-1.0)["outside"]
    assert "outside the declared [-9, 2] m" in kinds(normal, low=-9.0, high=2.0)["outside"]
    assert kinds([-1, 1.0000001], -1.0, 1.0) == {}
    assert set(kinds(1e5 + normal)) == set()
    far = kinds(1e6 + normal)
    assert set(far) == {"float32"}
    assert far["float32"].startswith("float32 has steps of 0.062 there, 6% of its std")


def test_warnings_name_the_dim_and_relative_ranges_are_those_declared(position_set, capsys):
    (only,) = run([str(position_set)])["warnings"]
    assert (only["embodiment"], only["feature"], only["dim"]) == ("placed", "observation.state", "grip.0")
    assert only["kind"] == "float32"
    assert "float32   placed observation.state grip.0: float32 has steps of" in capsys.readouterr().err
