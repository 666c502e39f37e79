import json
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from praxia.core.embodiment import Camera, Field
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.window import EVERY_CAMERA, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.order import batch_indices
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows

WINDOW = Window({"image.front": (-1, 0), "image.wrist": (0,), "state": (-1, 0)}, horizon=3)
AS_FAST = DatasetView(cameras={"front": "top", "wrist": None}, state={"hand": "ee_pos"}, action={"move": "ee_delta"})
SIZES = {"front": (96, 72)}


@pytest.fixture(scope="module")
def mix(fast, slow):
    """Both robots at 20 Hz in images of 96x72, three of the fast one to one of the slow one."""
    return MixtureConfig(
        (DatasetEntry(str(fast), weight=3.0), DatasetEntry(str(slow), AS_FAST, weight=1.0)), rate_hz=20.0, sizes=SIZES
    )


@pytest.fixture(scope="module")
def mixture(mix):
    return mix.open(WINDOW, successful=False)


def read_inner_label(synthetic, image, own):
    """What the middle of a letterboxed image spells; what is around it must be black."""
    scale = min(whole / side for whole, side in zip(image.shape, own, strict=False))
    filled = [round(side * scale) for side in own]
    rows, columns = (
        slice((whole - part) // 2, (whole + part) // 2) for whole, part in zip(image.shape, filled, strict=False)
    )
    around = image.copy()
    around[rows, columns] = 0
    assert not around.any()
    return synthetic.read_label(image[rows, columns])


def test_every_window_through_shuffles_weights_rates_sizes_and_names(mixture, synthetic, episode_of, embodiment, other):
    """Each row's image shows its episode and frame; everything else must be of that frame."""
    seen = set()
    for step in range(12):
        samples = mixture.read(mixture.batch(5, step, 16))
        for row in range(16):
            is_slow = samples.embodiment[row] == 1
            like, own, stride = (other, (48, 80), 1) if is_slow else (embodiment, (64, 64), Fraction(5, 2))
            _, index, now = read_inner_label(synthetic, samples.images["front"][row, 1], own)
            assert (index in (4, 6)) == is_slow
            episode, before = episode_of(index, like), int(now - stride // 1 - (stride % 1 > 0))
            assert read_inner_label(synthetic, samples.images["front"][row, 0], own) == ("front", index, max(before, 0))
            assert samples.image_valid["front"][row].tolist() == [before >= 0, True]
            np.testing.assert_array_equal(samples.state[row], episode.state[[max(before, 0), now]])
            assert samples.instruction[row] == episode.instruction
            if is_slow:
                assert not samples.images["wrist"][row].any()
                ahead = np.minimum(now + np.arange(3), len(episode) - 1)
                np.testing.assert_array_equal(samples.action[row], episode.action[ahead])
            else:
                assert synthetic.read_label(samples.images["wrist"][row, 0]) == ("wrist", index, now)
                ends = [int(np.ceil((at + 1) * 2.5)) - 1 for at in range(3)]
                np.testing.assert_array_equal(
                    samples.action[row, :, 2], episode.action[np.minimum(now + np.array(ends), len(episode) - 1), 2]
                )
                assert samples.action_valid[row].tolist() == [now + end < len(episode) for end in ends]
            assert samples.image_valid["wrist"][row].tolist() == [not is_slow]
            seen.add((index, now))
    assert samples.images["front"].shape == (16, 2, 96, 72, 3)
    assert samples.images["wrist"].shape == (16, 1, 48, 80, 3)
    assert len(seen) == len(mixture)


def test_another_process_would_read_the_same(mixture):
    indices = mixture.batch(1, 77, 8)
    samples = mixture.read(indices)
    sent = pickle.loads(pickle.dumps(mixture))  # noqa: S301 - our own
    np.testing.assert_array_equal(sent.batch(1, 77, 8), indices)
    again = sent.read(indices)
    np.testing.assert_array_equal(again.action, samples.action)
    np.testing.assert_array_equal(again.images["front"], samples.images["front"])


def test_embodiments_are_those_that_a_policy_of_this_mixture_acts_on(mixture, embodiment):
    fast, slow = mixture.embodiments
    assert (fast.control_hz, slow.control_hz) == (20.0, 20.0)
    assert fast.cameras == (Camera("front", 96, 72), Camera("wrist", 48, 80))
    assert slow.cameras == (Camera("front", 96, 72),)
    assert [part.name for part in slow.state] == ["hand", "grip"]
    assert slow.action[0] == replace(embodiment.action[0], low=-1.0, high=1.0)
    assert fast.action[0] == replace(embodiment.action[0], low=-2.5, high=2.5)


def test_two_data_sets_become_one_embodiment(fast, slow):
    view = replace(AS_FAST, name="every-kind", cameras={"front": "top"})
    window = Window({"image.front": (0,), "state": (0,)}, 2)
    mixture = MixtureConfig(
        (DatasetEntry(str(slow), view), DatasetEntry(str(fast))), rate_hz=10.0, sizes={"front": (32, 32)}
    ).open(window)
    (one,) = mixture.embodiments
    assert one.cameras == (Camera("front", 32, 32), Camera("wrist", 48, 80))
    with pytest.raises(MismatchError, match="'every-kind' has another action"):
        MixtureConfig(
            (DatasetEntry(str(slow), replace(view, action={})), DatasetEntry(str(fast))), rate_hz=10.0, sizes=SIZES
        ).open(window)


def test_a_window_of_every_camera_sees_those_of_all_entries_in_their_order(mix, fast, slow):
    every = Window({EVERY_CAMERA: (-1, 0), "state": (0,)}, horizon=3)
    assert MixtureConfig.of([slow]).open(every).window == every.with_cameras(("top",))
    seen = mix.open(every)
    assert seen.window == every.with_cameras(("front", "wrist"))
    assert list(seen.read(np.array([0, len(seen) - 1])).images) == ["front", "wrist"]
    renamed = DatasetEntry(str(fast), DatasetView(cameras={"near": "wrist"}))
    assert MixtureConfig((renamed,)).open(every).window.cameras == ("front", "near")


def test_a_window_of_every_camera_needs_one(fast):
    blind = DatasetEntry(str(fast), DatasetView(cameras={"front": None, "wrist": None}))
    with pytest.raises(MismatchError, match=f"a data set with a camera, got none in {fast}"):
        MixtureConfig((blind,)).open(Window({EVERY_CAMERA: (0,)}, horizon=1))


def test_larger_images_get_a_size_and_smaller_ones_and_chosen_ones_keep_theirs(mix, slow):
    one = MixtureConfig.of([slow])  # its images are 48x80
    assert one.limited(80, {}) == one
    assert one.limited(64, {}).sizes == {"top": (64, 64)}
    assert one.limited(64, {"top": (48, 80), "side": (8, 8)}) == one
    assert one.limited(96, {"top": (40, 60)}).sizes == {"top": (40, 60)}
    assert mix.limited(8, {}).sizes == {"wrist": (8, 8), **SIZES}
    samples = one.limited(64, {}).open(Window({EVERY_CAMERA: (0,), "state": (0,)}, 1)).read(np.array([0]))
    assert samples.images["top"].shape[2:] == (64, 64, 3)
    assert not samples.images["top"][:, :, :8].any()  # the bars above


def test_data_sets_as_they_are_keep_their_order(fast):
    window = Window({"image.front": (0,), "state": (0,)}, 2)
    mixture = MixtureConfig.of([fast, fast]).open(window)
    for step in range(5):
        np.testing.assert_array_equal(mixture.batch(3, step, 8), batch_indices(3, step, 8, len(mixture)))
    assert mixture.shares == [0.5, 0.5]


def test_shares_by_weight_and_by_temperature():
    def shares(sizes, weights=None, temperature=None):
        weights = weights or [None] * len(sizes)
        mix = MixtureConfig(
            tuple(DatasetEntry(str(at), weight=one) for at, one in enumerate(weights)), temperature=temperature
        )
        found = mix.weights(sizes)
        return found and [one / sum(found) for one in found]

    assert shares([10, 1000], [0.1, 0.2]) == [1 / 3, 2 / 3]
    assert MixtureConfig((DatasetEntry("a", weight=0.1), DatasetEntry("b", weight=0.2))).weights([1, 1]) == (1, 2)
    np.testing.assert_allclose(shares([100, 10_000], temperature=2.0), [1 / 11, 10 / 11], rtol=1e-9)
    np.testing.assert_allclose(shares([100, 10_000], temperature=1e9), [0.5, 0.5], rtol=1e-6)
    assert shares([100, 10_000], temperature=1.0) is None
    assert shares([100, 10_000]) is None
    assert shares([100], [2.0]) is None
    with pytest.raises(PraxiaError, match="1 has less than a millionth"):
        shares([10, 10], [1.0, 1e-7])


def test_weights_and_a_temperature_do_not_go_together():
    with pytest.raises(PraxiaError, match="weights or a temperature, got both"):
        MixtureConfig((DatasetEntry("a", weight=1.0),), temperature=2.0)
    with pytest.raises(PraxiaError, match="one for b but none for a"):
        MixtureConfig((DatasetEntry("a"), DatasetEntry("b", weight=1.0)))


def test_tasks_and_episodes_choose(fast):
    part = DatasetEntry(str(fast), tasks=("push-1", "push-3"), episodes=(0, 2))
    dataset = Dataset(fast)
    assert part.select_episodes(dataset, successful=False).tolist() == [2]
    assert dataset.episodes.task[2] == "push-3"
    with pytest.raises(MismatchError, match=r"expected episodes 0 to 2 .* got 9"):
        DatasetEntry(str(fast), episodes=(0, 9)).select_episodes(dataset, successful=True)
    with pytest.raises(UnknownName, match="push-1"):
        DatasetEntry(str(fast), tasks=("push-9",)).select_episodes(dataset, successful=True)
    with pytest.raises(DataError, match="at least one episode"):
        MixtureConfig((DatasetEntry(str(fast), tasks=("push-1",), episodes=(0,)),)).open(WINDOW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_hz": None}, r"one control rate, got 50 Hz in .* and 20 Hz in .*\"rate_hz\""),
        ({"sizes": {}}, r"one size of 'front', got 64x64 in .* and 48x80 in .*\"sizes\""),
        ({"sizes": {"side": (9, 9)}}, "unknown camera of sizes 'side'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_key_that_settles_it(mix, changes, message):
    with pytest.raises(PraxiaError, match=message):
        replace(mix, **changes).open(WINDOW)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (DatasetView(cameras={"front": "tpo"}), "unknown camera 'tpo'; nearest: top"),
        (DatasetView(cameras={"front": "top"}), r'needs image.wrist.*"wrist": null'),
        (DatasetView(cameras={"front": None, "wrist": None}), "no data set of the mixture has such a camera"),
        (replace(AS_FAST, action={"move": "ee_dleta"}), "unknown action field 'ee_dleta'; nearest: ee_delta"),
        (replace(AS_FAST, state={"grip": "ee_pos"}), "a different name for each state field"),
        (replace(AS_FAST, action=(Field("all", 7, "delta", "m"),)), "fields of 8 numbers in all .* got 7"),
    ],
)
def test_a_view_that_names_what_is_not_there(slow, view, message):
    with pytest.raises(PraxiaError, match=message):
        MixtureConfig((DatasetEntry(str(slow), view),)).open(WINDOW)


def test_another_rate_needs_declared_kinds_of_actions(slow, monkeypatch):
    monkeypatch.setattr(Dataset, "written_by_praxia", property(lambda self: False))
    window = Window({"image.top": (0,), "state": (0,)}, 1)
    part = DatasetEntry(str(slow))
    assert len(MixtureConfig((part,)).open(window).entries[0])
    with pytest.raises(MismatchError, match=r'do so in the mixture file: "fields"'):
        MixtureConfig((part,), rate_hz=10.0).open(window)
    declared = DatasetView(action=(Field("arm", 7, "delta", "rad"), Field("grip", 1, "gripper", "")))
    samples = MixtureConfig((DatasetEntry(str(slow), declared),), rate_hz=10.0).open(window).read(np.array([0]))
    action = Dataset(slow).column("action")
    np.testing.assert_allclose(samples.action[0, 0, :7], action[0, :7] + action[1, :7], rtol=1e-6)
    assert samples.action[0, 0, 7] == action[1, 7]


def test_three_data_sets_of_which_the_first_has_no_such_camera(opened, slow, fast):
    window = Window({"image.wrist": (0,), "state": (0,)}, 1)
    lacking = DatasetView(cameras={"wrist": None}, name="a", sizes={"wrist": (48, 80)}, rate_hz=20.0)
    one = Windows(Dataset(slow), window, [0], lacking)
    two = Windows(opened, window, [0], DatasetView(name="b", rate_hz=20.0))
    three = Windows(opened, window, [0], DatasetView(name="c", rate_hz=20.0, sizes={"wrist": (9, 9)}))
    with pytest.raises(MismatchError, match=r"one size of 'wrist', got 48x80 in .* and 9x9"):
        Mixture([one, two, three])


def test_what_holds_an_embodiment_still_is_recorded_with_it_and_renamed_with_its_fields(record_as, other):
    holding = replace(other, name="holding", hold={"ee_delta": 0.0, "lift": "ee_pos", "mode": 1.0})
    root = record_as(holding, (4,))
    assert Dataset(root).embodiment == holding
    view, window = replace(AS_FAST, name="fast"), Window({"image.front": (0,), "state": (0,)}, 1)
    (found,) = MixtureConfig((DatasetEntry(str(root), view),)).open(window).embodiments
    assert found.hold == {"move": 0.0, "lift": "hand", "mode": 1.0}
    declared = replace(view, action=(Field("all", 8, "delta", "m"),))
    (found,) = MixtureConfig((DatasetEntry(str(root), declared),)).open(window).embodiments
    assert found.hold == {}


def test_data_that_are_read_as_video_have_no_action_and_the_frames_of_all(fast):
    window = Window({"image.front": (0,), "state": (0,), "action": (-1,)}, horizon=3, targets={"image.front": (2,)})
    labelled = DatasetEntry(str(fast), episodes=(0,))
    video = DatasetEntry(str(fast), DatasetView(actions=False), episodes=(1,))
    both = MixtureConfig((labelled, video)).open(window, successful=False)
    assert both.embodiments == MixtureConfig((labelled,)).open(window, successful=False).embodiments
    samples = both.read(np.arange(len(both)))
    is_video = both.entry_of(np.arange(len(both))) == 1
    assert samples.action_valid[~is_video].any()
    for action, valid in (
        (samples.action, samples.action_valid),
        (samples.past_action, samples.past_action_valid),
    ):
        assert not valid[is_video].any()
        assert not action[is_video].any()
    assert samples.target_image_valid["front"][is_video].any()
    found = compute_statistics(both.entries, {})
    alone = compute_statistics(MixtureConfig((labelled,)).open(window, successful=False).entries, {})
    (name,) = found
    assert found[name].combined["action"] == alone[name].combined["action"]
    assert found[name].combined["observation.state"] != alone[name].combined["observation.state"]
    fitted, expected = fit_transforms(both, found), fit_transforms(both, alone)
    assert fitted.embodiments[0].action == expected.embodiments[0].action
    with pytest.raises(MismatchError, match="with actions of embodiment"):
        compute_statistics(MixtureConfig((video,)).open(window, successful=False).entries, {})


def test_data_without_a_single_action_declare_them(foreign, tmp_path):
    """An action that the data never had is known by the mixture file alone."""
    labelled, video = tmp_path / "labelled", tmp_path / "video"
    for root in (labelled, video):
        foreign.write(root, "v3.0", None)
    info = json.loads((video / "meta/info.json").read_text())
    del info["features"]["action"]
    (video / "meta/info.json").write_text(json.dumps(info))
    known = Dataset(labelled).embodiment
    assert Dataset(video).embodiment.action == ()
    window = Window({"state": (0,)}, horizon=3)
    entries = (DatasetEntry(str(labelled)), DatasetEntry(str(video), DatasetView(action=known.action, actions=False)))
    both = MixtureConfig(entries).open(window, successful=False)
    assert [one.action for one in both.embodiments] == [known.action]
    samples = both.read(np.array([0, len(both) - 1]))
    assert samples.action_valid.any(1).tolist() == [True, False]
    with pytest.raises(DataError, match="has no 'action'"):
        MixtureConfig((DatasetEntry(str(video)),)).open(window, successful=False)
