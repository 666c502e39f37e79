"""What a run leaves to its data: it is recorded, and another run's is not resumed."""

import dataclasses
import json

import pytest
from praxia_testing import EMBODIMENT

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.embodiment import Camera
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.window import EVERY_CAMERA, Window
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.training import engine
from praxia.training.initial_checkpoint import adapt_to_data

EVERY = Window({EVERY_CAMERA: (0,), "state": (0,)}, horizon=4)
TWO = dataclasses.replace(EMBODIMENT, cameras=(Camera("top", 16, 16), Camera("side", 16, 16)))


@pytest.fixture(scope="module")
def two_cameras(record_as, tmp_path_factory):
    """The toy's six episodes, seen by cameras "top" and "side"."""
    return record_as(tmp_path_factory.mktemp("two") / "data", TWO)


@pytest.fixture
def any_run(tiny_run):
    return dataclasses.replace(tiny_run, window=EVERY)


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def seeing(run, *cameras):
    return dataclasses.replace(run, window=run.window.with_cameras(cameras))


def test_every_camera_is_as_if_the_recipe_had_named_them(any_run, two_cameras, tmp_path):
    named = fit(seeing(any_run, "top", "side"), two_cameras, tmp_path / "named")
    every = fit(any_run, two_cameras, tmp_path / "every")
    assert every["weights_sha256"] == named["weights_sha256"]
    runs = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("named", "every")]
    assert runs[0] == runs[1]
    assert runs[0]["config"]["window"]["cameras"] == ["top", "side"]
    assert load_policy(tmp_path / "every")[0].window.cameras == ("top", "side")


def test_resuming_compares_the_cameras_that_were_seen(any_run, two_cameras, tmp_path):
    fit(any_run, two_cameras, tmp_path / "run")
    assert fit(any_run, two_cameras, tmp_path / "run", resume=True)["resumed_from"] == any_run.train.steps
    with pytest.raises(PraxiaError, match="begun with another config"):
        fit(seeing(any_run, "side", "top"), two_cameras, tmp_path / "run", resume=True)


def test_fine_tuning_sees_the_policys_cameras(any_run, two_cameras, tmp_path):
    fit(seeing(any_run, "side"), two_cameras, tmp_path / "first")
    fit(any_run, two_cameras, tmp_path / "second", start_from=tmp_path / "first")
    assert read_config(tmp_path / "second")[0].window.cameras == ("side",)


def test_larger_images_are_read_at_the_recipes_size_which_is_the_policys(any_run, two_cameras, tmp_path):
    smaller = dataclasses.replace(any_run, image_size=8)
    fit(smaller, two_cameras, tmp_path / "run")
    config = read_config(tmp_path / "run")[0]
    assert [(one.name, one.height, one.width) for one in config.embodiments[0].cameras] == [
        ("top", 8, 8),
        ("side", 8, 8),
    ]
    assert config.provenance["mixture"]["sizes"] == {"top": [8, 8], "side": [8, 8]}
    assert fit(smaller, two_cameras, tmp_path / "run", resume=True)["resumed_from"] == any_run.train.steps
    with pytest.raises(PraxiaError, match="another mixture"):
        fit(any_run, two_cameras, tmp_path / "run", resume=True)
    fit(dataclasses.replace(any_run, image_size=12), two_cameras, tmp_path / "tuned", start_from=tmp_path / "run")
    assert read_config(tmp_path / "tuned")[0].embodiments == config.embodiments


def test_a_size_that_no_image_exceeds_changes_nothing(any_run, two_cameras, tmp_path):
    as_recorded = fit(any_run, two_cameras, tmp_path / "run")
    limited = dataclasses.replace(any_run, image_size=16)
    resumed = fit(limited, two_cameras, tmp_path / "run", resume=True)
    assert resumed["weights_sha256"] == as_recorded["weights_sha256"]
    path = tmp_path / "run" / "run.json"
    before = json.loads(path.read_text())
    del before["config"]["image_size"]  # as runs of before image sizes
    path.write_text(json.dumps(before))
    assert fit(limited, two_cameras, tmp_path / "run", resume=True)["resumed_from"] == any_run.train.steps


def test_a_camera_that_is_not_there_is_refused_with_those_that_are(any_run, two_cameras, tmp_path):
    with pytest.raises(MismatchError, match=r"image\.tip"):
        fit(seeing(any_run, "tip"), two_cameras, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_horizon_in_seconds_is_steps_at_the_rate_of_the_data(any_run, two_cameras, tmp_path):
    """The toy's data have 10 Hz; a mixture may read them at another rate."""
    run = dataclasses.replace(any_run, horizon_s=0.32)
    fit(run, two_cameras, tmp_path / "run")
    assert load_policy(tmp_path / "run" / "policy", "cpu")[0].window.horizon == 3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["horizon_s"] is None
    slower = dataclasses.replace(MixtureConfig.of([two_cameras]), rate_hz=5.0)
    assert adapt_to_data(run, slower, None)[0].window.horizon == 2
    with pytest.raises(PraxiaError, match=r"--horizon-s of at least a step, 0.1 s, got 0.01"):
        fit(dataclasses.replace(any_run, horizon_s=0.01), two_cameras, tmp_path / "other")
