from dataclasses import replace

import numpy as np
import pytest

from praxia.core.embodiment import Camera, Field
from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.order import batch_indices
from praxia.dataloader.windows import Windows

WINDOW = Window({"image.front": (-2, 0), "state": (-1, 0)}, horizon=3)


@pytest.fixture(scope="module")
def tall(synthetic):
    """Another embodiment: six numbers of state and five of action, and the synthetic robot's cameras."""
    fields = {"state": (Field("joints", 6, "position", "rad"),), "action": (Field("joints", 5, "velocity", "rad/s"),)}
    return replace(synthetic.EMBODIMENT, name="tall", **fields)


@pytest.fixture(scope="module")
def episode_of(synthetic, tall):
    """Episode number i, whose images are labelled i; those from 20 to 39 are the other embodiment's."""

    def make(index):
        episode = synthetic.episode(index)
        if not 20 <= index < 40:
            return episode
        draw = np.random.default_rng(index)
        numbers = {name: draw.normal(size=(len(episode), 5)).astype(np.float32) for name in ("action", "executed")}
        state = draw.normal(size=(len(episode), 6)).astype(np.float32)
        return replace(
            episode, embodiment=tall, state=state, action=numbers["action"], executed_action=numbers["executed"]
        )

    return make


@pytest.fixture(scope="module")
def record_as(tmp_path_factory):
    def do(embodiment, episodes):
        root = tmp_path_factory.mktemp("part") / embodiment.name
        begin_recording(root, {})
        for index, episode in enumerate(episodes):
            stage_episode(root, index, replace(episode, embodiment=embodiment))
        finalize(root, embodiment, {})
        return root

    return do


@pytest.fixture(scope="module")
def parts(synthetic, tall, record_as, episode_of):
    """Two data sets of the synthetic robot with one of another embodiment between them."""
    made = [(synthetic.EMBODIMENT, [0, 1, 3]), (tall, [20, 21]), (synthetic.EMBODIMENT, [40])]
    roots = [record_as(embodiment, [episode_of(index) for index in indices]) for embodiment, indices in made]
    return [Windows(Dataset(root), WINDOW, range(len(indices))) for root, (_, indices) in zip(roots, made, strict=True)]


def test_every_window_through_shuffled_epochs(parts, synthetic, episode_of):
    """Each row's image spells its episode and frame; everything else must be that episode's."""
    mixture = Mixture(parts)
    assert len(mixture) == sum(map(len, parts))
    assert [embodiment.name for embodiment in mixture.embodiments] == ["synthetic", "tall"]
    seen = []
    for step in range(2 * len(mixture) // 8):
        samples = mixture.read(batch_indices(7, step, 8, len(mixture)))
        for row in range(8):
            _, index, now = synthetic.read_label(samples.images["front"][row, -1])
            episode = episode_of(index)
            size, dims = episode.state.shape[1], episode.action.shape[1]
            clipped = max(now - 2, 0)
            assert synthetic.read_label(samples.images["front"][row, 0]) == ("front", index, clipped)
            assert samples.image_valid["front"][row].tolist() == [now >= 2, True]
            assert samples.embodiment[row] == (20 <= index < 40)
            np.testing.assert_array_equal(samples.state[row, :, :size], episode.state[[max(now - 1, 0), now]])
            assert samples.state_valid[row].tolist() == [now >= 1, True]
            ahead = [min(now + step, len(episode) - 1) for step in range(3)]
            np.testing.assert_array_equal(samples.action[row, :, :dims], episode.action[ahead])
            assert samples.action_valid[row].tolist() == [now + step < len(episode) for step in range(3)]
            assert not samples.state[row, :, size:].any()
            assert not samples.action[row, :, dims:].any()
            assert samples.instruction[row] == episode.instruction
            seen.append((index, now))
    assert samples.state.shape == (8, 2, 6)
    assert samples.action.shape == (8, 3, 5)
    assert len(set(seen)) == len(mixture)


def test_targets_past_actions_and_outcomes_of_each_data_set(parts, episode_of, synthetic):
    window = Window({"image.front": (0,), "action": (-1,)}, 2, {"image.wrist": (1,), "state": (2,)}, outcomes=True)
    window = replace(window, extras=("next.reward",))
    mixture = Mixture([Windows(one.dataset, window, one.episodes) for one in parts])
    samples = mixture.read(np.random.default_rng(0).permutation(len(mixture))[:24])
    for row in range(24):
        _, index, now = synthetic.read_label(samples.images["front"][row, 0])
        episode = episode_of(index)
        size, dims, last = episode.state.shape[1], episode.action.shape[1], len(episode) - 1
        assert synthetic.read_label(samples.target_images["wrist"][row, 0]) == ("wrist", index, min(now + 1, last))
        assert samples.target_image_valid["wrist"][row, 0] == (now + 1 <= last)
        np.testing.assert_array_equal(samples.target_state[row, 0, :size], episode.state[min(now + 2, last)])
        assert samples.target_state_valid[row, 0] == (now + 2 <= last)
        np.testing.assert_array_equal(samples.past_action[row, 0, :dims], episode.action[max(now - 1, 0)])
        assert samples.past_action_valid[row, 0] == (now >= 1)
        assert not samples.target_state[row, :, size:].any()
        assert not samples.past_action[row, :, dims:].any()
        np.testing.assert_array_equal(samples.reward[row], episode.reward[[now, min(now + 1, last)]])
        np.testing.assert_array_equal(samples.terminated[row], episode.terminated[[now, min(now + 1, last)]])
        np.testing.assert_array_equal(samples.extras["next.reward"][row, :, 0], samples.reward[row])
    assert set(samples.embodiment) == {0, 1}


@pytest.mark.parametrize(
    ("value", "got"), [(np.zeros((1, 3), np.float32), "3 of float32"), (np.zeros((1, 2), np.int64), "2 of int64")]
)
def test_extras_of_another_shape_or_kind_are_refused(synthetic, record_as, episode_of, value, got):
    window, windows = replace(WINDOW, extras=("complementary_info.value",)), []
    for one in (np.zeros((1, 2), np.float32), value):
        episode = episode_of(0)
        episode = replace(episode, extras={"value": np.repeat(one, len(episode), axis=0)})
        windows.append(Windows(Dataset(record_as(synthetic.EMBODIMENT, [episode])), window, [0]))
    first, second = (one.root for one in windows)
    expected = f"one 'complementary_info.value', got 2 of float32 in {first} and {got} in {second}"
    with pytest.raises(MismatchError, match=expected):
        Mixture(windows)


def test_a_mixture_of_one_is_the_data_set(parts):
    indices = np.array([5, 0, 5, 9])
    one, mixed = parts[0].read(indices), Mixture(parts[:1]).read(indices)
    np.testing.assert_array_equal(one.images["front"], mixed.images["front"])
    np.testing.assert_array_equal(one.action, mixed.action)
    assert one.instruction == mixed.instruction
    assert not mixed.embodiment.any()


def test_a_frame_is_named_by_its_data_set(parts):
    mixture = Mixture(parts)
    first = len(parts[0])
    assert mixture.frames_of(np.array([first + 1, 0])) == [(str(parts[1].root), 0, 1), (str(parts[0].root), 0, 0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"control_hz": 40.0, "name": "slow"}, "one control rate, got 80 Hz in .* and 40 Hz in"),
        (
            {"cameras": (Camera("front", 32, 32),)},
            "one size of 'front', got 64x64 in .* and 32x32",
        ),
        ({"action": (Field("move", 3, "velocity", "m/s"),)}, "embodiment 'synthetic' has another action in"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused_naming_both(parts, change, message):
    other = object.__new__(Windows)
    other.__dict__.update(parts[0].__dict__, root="other", embodiment=replace(parts[0].embodiment, **change))
    with pytest.raises(MismatchError, match=message + ".*other"):
        Mixture([parts[0], other])
