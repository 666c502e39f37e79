"""Video gets actions: what is written, what stays, what is refused, and that nothing is half written."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import foreign
import numpy as np
import pytest
from video_testing import SLIDER, STEPS, Brightness, record_slides

from praxia.core.embodiment import Camera
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.files import sha256_file
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.dataloader.windows import Windows
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete, merge
from praxia.datatools.relabel import ACTION_STD, relabel

IDENTITY = {"policy_sha256": "a" * 64, "weights_sha256": "b" * 64}


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    return record_slides(tmp_path_factory.mktemp("slides") / "set", range(4))


@pytest.fixture(scope="module")
def video(slides, tmp_path_factory):
    """The same as another writer would leave it, without state and actions."""
    root = tmp_path_factory.mktemp("video") / "set"
    shutil.copytree(slides, root, ignore=shutil.ignore_patterns("praxia"))
    foreign.drop_features(root, ["observation.state", "action", "action.executed"])
    return root


@pytest.fixture(scope="module")
def relabelled(slides, tmp_path_factory):
    out = tmp_path_factory.mktemp("relabelled") / "set"
    relabel(slides, out, Brightness(), IDENTITY)
    return out


def files(root):
    return {str(path): sha256_file(path) for path in Path(root).rglob("*") if path.is_file()}


def expected(dataset):
    return Brightness().of(dataset.decode("front", np.arange(dataset.num_frames)), dataset.episodes.length)


def expect_written(root):
    new = Dataset(root)
    new.verify()
    assert check(root)["problems"] == []
    action, std = expected(new)
    np.testing.assert_array_equal(new.column("action"), action)
    np.testing.assert_array_equal(new.column(ACTION_STD), std)
    np.testing.assert_allclose(new.stats["action"]["mean"], action.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(new.stats[ACTION_STD]["max"], std.max(0), rtol=1e-6)
    assert new.embodiment.action == SLIDER.action
    (entry,) = json.loads((root / "praxia/plan.json").read_text())["edits"]
    assert (entry["operation"], entry["by"]) == ("relabel", IDENTITY)
    assert {json.dumps(one["provenance"]["relabelled_by"]) for one in new.records} == {json.dumps(IDENTITY)}
    return new, entry


def test_actions_are_those_of_the_labeller_and_the_rest_stays(slides, relabelled):
    old, (new, entry) = Dataset(slides), expect_written(relabelled)
    assert entry["of"] == [old.content_sha256]
    np.testing.assert_array_equal(new.column("action.executed"), new.column("action"))
    for name in ("observation.state", "next.success", "index", "task_index"):
        np.testing.assert_array_equal(new.column(name), old.column(name))
    assert new.embodiment == old.embodiment
    assert [one["start"] for one in new.records] == [one["start"] for one in old.records]
    videos = [sha256_file(next(root.rglob("*.mp4"))) for root in (slides, relabelled)]
    assert videos[0] == videos[1]


def test_the_source_stays_as_it_is(slides, tmp_path):
    before = files(slides)
    relabel(slides, tmp_path / "out", Brightness(), IDENTITY)
    assert files(slides) == before
    assert relabel(slides, tmp_path / "again", Brightness(), IDENTITY)["content_sha256"] == (
        Dataset(tmp_path / "out").content_sha256
    )


def test_video_of_another_writer_becomes_a_data_set_of_ours(video, tmp_path):
    result = relabel(video, tmp_path / "out", Brightness(), IDENTITY)
    new, entry = expect_written(tmp_path / "out")
    assert entry["of"] == [Dataset(video).content_hash]
    assert new.written_by_praxia
    assert (new.embodiment.state, new.embodiment.control_hz) == ((), 10.0)
    assert (result["episodes"], result["frames"]) == (4, 4 * STEPS)
    assert list(result["action_std"]) == ["move", "grip"]
    assert new.select().tolist() == [0, 1, 2, 3]
    delete(tmp_path / "out", "1", tmp_path / "fewer")
    Dataset(tmp_path / "fewer").verify()


def test_it_is_mixed_with_labelled_data_and_confidence_is_read(slides, relabelled):
    window = Window({"image.front": (0,), "state": (0,)}, 2)
    mixture = MixtureConfig.of([slides, relabelled]).open(window, successful=True)
    assert len(mixture.embodiments) == 1
    samples = mixture.read(np.arange(len(mixture)))
    assert samples.action.shape == (2 * 4 * STEPS, 2, 2)
    windows = Windows(Dataset(relabelled), replace(window, extras=(ACTION_STD,)), range(4))
    std = windows.read(np.array([5])).extras[ACTION_STD]
    np.testing.assert_array_equal(std[0], Dataset(relabelled).column(ACTION_STD)[5:7])


def test_relabelled_again_has_both_in_its_plan(relabelled, tmp_path):
    other = {"policy_sha256": "c" * 64}
    relabel(relabelled, tmp_path / "out", Brightness(), other)
    entries = json.loads((tmp_path / "out/praxia/plan.json").read_text())["edits"]
    assert [one["by"] for one in entries] == [IDENTITY, other]
    assert entries[1]["of"] == [Dataset(relabelled).content_sha256]


def test_a_merge_still_says_which_episodes_have_pseudo_actions(relabelled, tmp_path):
    relabel(relabelled, tmp_path / "other", Brightness(), {"policy_sha256": "c" * 64})
    merge([relabelled, tmp_path / "other"], tmp_path / "both")
    by = [one["provenance"]["relabelled_by"]["policy_sha256"][0] for one in Dataset(tmp_path / "both").records]
    assert by == ["a"] * 4 + ["c"] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "crawler"}, r"the labeller's embodiment crawler, got slider"),
        ({"control_hz": 20.0}, r"the labeller's control_hz 20.0, got 10.0"),
        ({"action": (SLIDER.action[0],)}, "the labeller's action .*'move'.*, got .*'grip'"),
    ],
)
def test_other_data_are_refused_in_one_line(slides, tmp_path, changes, message):
    labeller = Brightness(replace(SLIDER, **changes))
    with pytest.raises(MismatchError, match=message) as raised:
        relabel(slides, tmp_path / "out", labeller, IDENTITY)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_data_without_the_labellers_camera_are_refused(slides, tmp_path):
    labeller = Brightness(replace(SLIDER, cameras=(Camera("wrist", 16, 16),)))
    labeller.window = Window({"image.wrist": (0,)}, 0, {"image.wrist": (1,)})
    with pytest.raises(MismatchError, match=r"the labeller's cameras \['wrist'\], got \[\]"):
        relabel(slides, tmp_path / "out", labeller, IDENTITY)


def test_other_data_of_another_writer_are_refused(video, tmp_path):
    with pytest.raises(MismatchError, match=r"control_hz 20\.0, got 10.0"):
        relabel(video, tmp_path / "out", Brightness(replace(SLIDER, control_hz=20.0)), IDENTITY)


@pytest.mark.parametrize("robot_type", [None, "anything"])
def test_another_writers_name_of_the_robot_is_not_compared(video, tmp_path, robot_type):
    shutil.copytree(video, tmp_path / "video")
    path = tmp_path / "video/meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "robot_type": robot_type}))
    relabel(tmp_path / "video", tmp_path / "out", Brightness(), IDENTITY)
    new, _ = expect_written(tmp_path / "out")
    assert new.embodiment.name == "slider"


def test_the_labeller_sees_images_in_the_size_it_knows(slides, tmp_path):
    """As it was trained with `--image-size 8`; the new data set has the images as they were."""
    sizes = []

    class Small(Brightness):
        def label(self, samples):
            sizes.extend(images["front"].shape[2:4] for images in (samples.images, samples.target_images))
            return super().label(samples)

    relabel(slides, tmp_path / "out", Small(replace(SLIDER, cameras=(Camera("front", 8, 8),))), IDENTITY)
    assert set(sizes) == {(8, 8)}
    assert Dataset(tmp_path / "out").embodiment == SLIDER


def test_nothing_is_overwritten(slides, relabelled):
    for out in (slides, relabelled, slides / "inside"):
        before = files(slides) | files(relabelled)
        with pytest.raises(PraxiaError, match="expected"):
            relabel(slides, out, Brightness(), IDENTITY)
        assert files(slides) | files(relabelled) == before


def test_a_kill_leaves_no_partial_data_set(slides, tmp_path):
    script, out = Path(__file__).parents[1] / "killed.py", tmp_path / "out"
    command = [sys.executable, str(script), "relabel", str(slides), "8", str(out)]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL
    assert not out.exists()
    relabel(slides, out, Brightness(), IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    Dataset(out).verify()
