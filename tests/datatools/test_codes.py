"""Video gets codes in place of actions: what is written, which frames are left out, and what is refused."""

import json
import shutil
from dataclasses import replace

import foreign
import numpy as np
import pytest
from video_testing import SLIDER, STEPS, record_slides

from praxia.core.embodiment import Camera, Field
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.labelling import CODE, ChangeCoder, has_codes
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.datatools.check.dataset import check
from praxia.datatools.codes import write_codes

IDENTITY = {"policy_sha256": "a" * 64, "weights_sha256": "b" * 64}


class Brighter:
    """A coder without a network: whether the frame three steps on is brighter, and by which tenth."""

    def __init__(self, embodiment=SLIDER, gap=3, camera="front"):
        self.embodiment = embodiment
        self.window = Window({f"image.{camera}": (0,)}, 0, {f"image.{camera}": (gap,)})
        self.field = Field("latent", 2, "discrete", CODE, low=0.0, high=9.0)

    def code(self, samples):
        now, later = (
            one["front"][:, 0].astype(np.int64).sum((1, 2, 3)) for one in (samples.images, samples.target_images)
        )
        return np.stack([later > now, later % 10], axis=1).astype(np.int64), samples.target_image_valid["front"][:, 0]


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    return record_slides(tmp_path_factory.mktemp("slides") / "set", range(3))


def test_actions_are_codes_of_frames_that_have_a_later_one(slides, tmp_path):
    assert isinstance(Brighter(), ChangeCoder)
    done = write_codes(slides, tmp_path / "out", Brighter(), IDENTITY)
    old, new = Dataset(slides), Dataset(tmp_path / "out")
    new.verify()
    assert check(tmp_path / "out")["problems"] == []
    assert (done["episodes"], done["frames"]) == (3, 3 * (STEPS - 3))
    bright = old.decode("front", np.arange(old.num_frames)).astype(np.int64).sum((1, 2, 3)).reshape(3, STEPS)
    expected = np.stack([bright[:, 3:] > bright[:, :-3], bright[:, 3:] % 10], axis=2).reshape(-1, 2)
    np.testing.assert_array_equal(new.column("action"), expected)
    np.testing.assert_array_equal(new.column("action.executed"), expected)
    kept = np.arange(3 * STEPS).reshape(3, STEPS)[:, :-3].ravel()
    np.testing.assert_array_equal(new.column("observation.state"), old.column("observation.state")[kept])
    np.testing.assert_array_equal(
        new.decode("front", np.arange(new.num_frames)), old.decode("front", np.arange(old.num_frames))[kept]
    )
    assert (new.embodiment.name, new.embodiment.action) == ("slider-codes", (Brighter().field,))
    assert has_codes(new.embodiment)
    assert not has_codes(old.embodiment)
    (edit,) = json.loads((tmp_path / "out/praxia/plan.json").read_text())["edits"]
    assert (edit["operation"], edit["of"], edit["by"]) == ("codes", [old.content_sha256], IDENTITY)
    assert all(one["provenance"]["coded_by"] == IDENTITY for one in new.records)


def test_video_of_another_writer_needs_no_actions(slides, tmp_path):
    shutil.copytree(slides, tmp_path / "video", ignore=shutil.ignore_patterns("praxia"))
    foreign.drop_features(tmp_path / "video", ["observation.state", "action", "action.executed"])
    write_codes(tmp_path / "video", tmp_path / "out", Brighter(), IDENTITY)
    write_codes(slides, tmp_path / "ours", Brighter(), IDENTITY)
    new = Dataset(tmp_path / "out")
    new.verify()
    np.testing.assert_array_equal(new.column("action"), Dataset(tmp_path / "ours").column("action"))
    assert new.embodiment.name == "slider-codes"


def test_codes_are_held_by_nothing(tmp_path):
    """What the robot holds while it waits are its own actions, which the new data set has not."""
    root = record_slides(tmp_path / "set", range(1), replace(SLIDER, hold={"grip": -1.0}))
    assert Dataset(root).embodiment.hold
    write_codes(root, tmp_path / "out", Brighter(), IDENTITY)
    assert not Dataset(tmp_path / "out").embodiment.hold


def test_the_coder_sees_images_in_the_size_it_knows(slides, tmp_path):
    sizes = []

    class Small(Brighter):
        def code(self, samples):
            sizes.extend(images["front"].shape[2:4] for images in (samples.images, samples.target_images))
            return super().code(samples)

    write_codes(slides, tmp_path / "out", Small(replace(SLIDER, cameras=(Camera("front", 8, 8),))), IDENTITY)
    assert set(sizes) == {(8, 8)}
    assert Dataset(tmp_path / "out").embodiment.cameras == SLIDER.cameras


@pytest.mark.parametrize(
    ("coder", "error", "message"),
    [
        (Brighter(replace(SLIDER, control_hz=20.0)), MismatchError, r"'control_hz': 20.0.*, got .*10.0"),
        (Brighter(camera="wrist"), MismatchError, r"'cameras': \['wrist'\].*, got .*'cameras': \[\]"),
        (Brighter(gap=STEPS), DataError, "episodes that are longer than the coder's gap"),
    ],
)
def test_other_data_are_refused_in_one_line(slides, tmp_path, coder, error, message):
    with pytest.raises(error, match=message) as raised:
        write_codes(slides, tmp_path / "out", coder, IDENTITY)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(slides):
    with pytest.raises(PraxiaError, match="expected a new folder"):
        write_codes(slides, slides, Brighter(), IDENTITY)
