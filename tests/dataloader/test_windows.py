import json
from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.goals import draw_goals
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.nn.queries import to_batch

WINDOW = Window({"image.front": (-3, -1, 0), "image.wrist": (-3, -1, 0), "state": (-3, -1, 0)}, horizon=4)
EPISODES = [6, 0, 3]


@pytest.fixture(scope="module")
def dataset(recorded):
    return Dataset(recorded)


@pytest.fixture(scope="module")
def windows(dataset):
    return Windows(dataset, WINDOW, EPISODES)


def test_every_frame_of_every_window(windows, dataset, synthetic):
    """Against a plain loop over the recorded episodes, frame by frame."""
    samples = windows.read(np.arange(len(windows)))
    row = 0
    for index in EPISODES:
        episode = synthetic.episode(index)
        n = len(episode)
        for now in range(n):
            wanted = [now + offset for offset in (-3, -1, 0)]
            clipped = [max(at, 0) for at in wanted]
            for camera in synthetic.CAMERAS:
                seen = [synthetic.read_label(pixels) for pixels in samples.images[camera][row]]
                assert seen == [(camera, index, at) for at in clipped]
                assert samples.image_valid[camera][row].tolist() == [at >= 0 for at in wanted]
            np.testing.assert_array_equal(samples.state[row], episode.state[clipped])
            assert samples.state_valid[row].tolist() == [at >= 0 for at in wanted]
            ahead = [now + step for step in range(4)]
            np.testing.assert_array_equal(samples.action[row], episode.action[[min(at, n - 1) for at in ahead]])
            assert samples.action_valid[row].tolist() == [at < n for at in ahead]
            assert samples.instruction[row] == episode.instruction
            row += 1
    assert row == len(windows)


def test_targets_after_the_present(dataset, synthetic):
    """Against a plain loop, at a stride of 2 for images; the wrist is a target and not observed."""
    targets = {"image.wrist": (2, 4), "state": (1, 2, 9)}
    samples = Windows(dataset, Window({"image.front": (0,)}, 1, targets), EPISODES).read(np.arange(30))
    assert list(samples.images) == ["front"]
    assert samples.target_state.shape == (30, 3, 4)
    now = [(index, frame) for index in EPISODES for frame in range(len(synthetic.episode(index)))][:30]
    for row, (index, frame) in enumerate(now):
        episode = synthetic.episode(index)
        last = len(episode) - 1
        seen = [synthetic.read_label(pixels) for pixels in samples.target_images["wrist"][row]]
        assert seen == [("wrist", index, min(frame + step, last)) for step in (2, 4)]
        assert samples.target_image_valid["wrist"][row].tolist() == [frame + step <= last for step in (2, 4)]
        later = [frame + step for step in (1, 2, 9)]
        np.testing.assert_array_equal(samples.target_state[row], episode.state[np.minimum(later, last)])
        assert samples.target_state_valid[row].tolist() == [at <= last for at in later]


def test_past_actions_and_the_outcomes_of_steps(dataset, synthetic):
    samples = Windows(dataset, Window({"action": (-3, -1)}, 2, outcomes=True), EPISODES).read(np.arange(30))
    now = [(index, frame) for index in EPISODES for frame in range(len(synthetic.episode(index)))][:30]
    for row, (index, frame) in enumerate(now):
        episode = synthetic.episode(index)
        before = [frame - 3, frame - 1]
        np.testing.assert_array_equal(samples.past_action[row], episode.action[np.maximum(before, 0)])
        assert samples.past_action_valid[row].tolist() == [at >= 0 for at in before]
        steps = np.minimum([frame, frame + 1], len(episode) - 1)
        np.testing.assert_array_equal(samples.reward[row], episode.reward[steps])
        np.testing.assert_array_equal(samples.terminated[row], episode.terminated[steps])
    # An episode that was cut off did not end.
    assert synthetic.episode(3).truncated[-1]
    assert not samples.terminated[[index == 3 for index, _ in now]].any()


def test_executed_actions_in_place_of_labels(dataset, synthetic):
    window = Window({"action": (-1,)}, 2, executed=True)
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window
    assert "executed" not in Window({}, 2).to_json()
    samples = Windows(dataset, window, EPISODES).read(np.arange(30))
    now = [(index, frame) for index in EPISODES for frame in range(len(synthetic.episode(index)))][:30]
    for row, (index, frame) in enumerate(now):
        executed = synthetic.episode(index).executed_action
        last = len(executed) - 1
        np.testing.assert_array_equal(samples.past_action[row], executed[[max(frame - 1, 0)]])
        np.testing.assert_array_equal(samples.action[row], executed[[min(frame, last), min(frame + 1, last)]])


def test_rewards_are_of_steps_at_the_rate_of_the_data(dataset):
    with pytest.raises(MismatchError, match="per step of 80 Hz, and it is read at 40 Hz"):
        Windows(dataset, Window({}, 1, outcomes=True), [0], DatasetView(rate_hz=40.0))


def test_extras_of_each_step_are_read_back(dataset, synthetic):
    window = Window({}, 2, extras=("action.executed", "next.success"))
    assert Window.from_json(window.to_json()) == window
    assert "extras" not in Window({}, 2).to_json()
    samples = Windows(dataset, window, EPISODES).read(np.arange(30))
    now = [(index, frame) for index in EPISODES for frame in range(len(synthetic.episode(index)))][:30]
    for row, (index, frame) in enumerate(now):
        episode = synthetic.episode(index)
        steps = np.minimum([frame, frame + 1], len(episode) - 1)
        np.testing.assert_array_equal(samples.extras["action.executed"][row], episode.executed_action[steps])
        np.testing.assert_array_equal(samples.extras["next.success"][row, :, 0], episode.success[steps])
    with pytest.raises(MismatchError, match=r"action.executed of .* is per step of 80 Hz, and it is read at 40 Hz"):
        Windows(dataset, window, [0], DatasetView(rate_hz=40.0))
    with pytest.raises(UnknownName, match=r"complementary_info\.value"):
        Windows(dataset, Window({}, 2, extras=("complementary_info.value",)), [0])


def test_past_steps_of_a_slower_rate_lie_within_the_episode(dataset, synthetic):
    """At half the rate a step has two actions: from the second frame on, the first step before has but one of them."""
    samples = Windows(dataset, Window({"action": (-1,)}, 1), [0], DatasetView(rate_hz=40.0)).read(np.arange(4))
    assert samples.past_action_valid[:, 0].tolist() == [False, False, True, True]
    move = synthetic.episode(0).action[:, :2]  # a delta: summed
    np.testing.assert_allclose(samples.past_action[2:, 0, :2], [move[0] + move[1], move[1] + move[2]], rtol=1e-6)


def test_a_window_without_them_has_none(windows):
    samples = windows.read(np.arange(2))
    assert (samples.target_images, samples.target_image_valid) == ({}, {})
    names = ("target_state", "target_state_valid", "past_action", "past_action_valid", "reward", "terminated")
    assert [getattr(samples, name) for name in names] == [None] * 6


def test_targets_of_a_camera_that_is_not_there(dataset):
    with pytest.raises(MismatchError, match=r"needs image.top; .* has image.front, image.wrist, state"):
        Windows(dataset, Window({"state": (0,)}, 1, {"image.top": (1,)}), [0])


@pytest.fixture(scope="module")
def video_alone(tmp_path_factory, foreign):
    """A data set of another writer with neither state nor actions."""
    root = tmp_path_factory.mktemp("video") / "set"
    foreign.write(root, codec="h264")
    foreign.drop_features(root, ["observation.state", "action"])
    return root


def test_video_without_state_and_actions_becomes_batches(video_alone):
    window = Window({"image.front": (-1, 0)}, 0, {"image.front": (1,)})
    mixture = Mixture([Windows(Dataset(video_alone), window, range(4))])
    transforms = fit_transforms(mixture, compute_statistics(mixture.entries, {}))
    batch = to_batch(transforms.encode(mixture.read(np.arange(3))), transforms)
    assert batch.images["front"].shape == (3, 2, 3, 64, 64)
    assert batch.target_images["front"].shape == (3, 1, 3, 64, 64)
    assert (batch.state.shape, batch.action, batch.action_valid) == ((3, 0, 0), None, None)
    assert batch.text.shape[0] == 3


@pytest.mark.parametrize(
    ("window", "lacks"), [(Window({"state": (0,)}, 0), "observation.state"), (Window({}, 2), "action")]
)
def test_what_a_window_needs_of_it_is_missing_in_one_line(video_alone, window, lacks):
    with pytest.raises(DataError, match=f"has no '{lacks}', and no other vector"):
        Windows(Dataset(video_alone), window, [0])


def test_any_order_and_repeats(windows):
    indices = np.array([7, 0, 7, len(windows) - 1])
    some, all_of_them = windows.read(indices), windows.read(np.arange(len(windows)))
    np.testing.assert_array_equal(some.images["front"], all_of_them.images["front"][indices])
    np.testing.assert_array_equal(some.action, all_of_them.action[indices])


def test_only_what_the_window_needs_is_read(dataset):
    samples = Windows(dataset, Window({"image.wrist": (0,), "state": (0,)}, horizon=1), [2]).read(np.array([1]))
    assert list(samples.images) == ["wrist"]
    assert samples.state.shape == (1, 1, 4)
    assert samples.action.shape == (1, 1, 3)


def test_a_window_that_does_not_fit(dataset):
    with pytest.raises(MismatchError, match=r"needs image.top; .* has image.front, image.wrist, state.*\{\"top\": "):
        Windows(dataset, Window({"image.top": (0,), "state": (0,)}, 1), [0])
    with pytest.raises(DataError, match="at least one episode"):
        Windows(dataset, WINDOW, [])


GOALS = Window({"image.front": (0,), "image.goal": (0,)}, 4, goal={"image.front": "image.goal"})


def test_a_goal_is_a_later_frame_of_the_episode_and_actions_lead_to_it(dataset, synthetic):
    """Against a plain loop, with goals that were drawn from the whole rest of an episode."""
    windows = Windows(dataset, GOALS, EPISODES)
    rows = np.arange(len(windows))
    samples = windows.read(rows, draw_goals(0, 3, len(rows)))
    now = [(index, frame) for index in EPISODES for frame in range(len(synthetic.episode(index)))]
    shares = []
    for row, (index, frame) in enumerate(now):
        left = len(synthetic.episode(index)) - 1 - frame
        name, episode, goal = synthetic.read_label(samples.images["goal"][row, 0])
        assert (name, episode) == ("front", index)
        assert frame < goal <= frame + left or (left == 0 and goal == frame)
        assert samples.image_valid["goal"][row].tolist() == [left > 0]
        assert samples.action_valid[row].tolist() == [frame + step < goal for step in range(4)]
        shares += [(goal - frame - 0.5) / left] if left > 4 else []
    assert np.mean(shares) == pytest.approx(0.5, abs=0.1)
    assert np.std(shares) == pytest.approx(12**-0.5, abs=0.05)


def test_goals_are_drawn_by_seed_and_step_and_measured_by_the_windows_number(dataset):
    windows, rows = Windows(dataset, GOALS, EPISODES), np.arange(20)

    def goals(drawn=None, at=rows):
        return windows.read(at, drawn).images["goal"]

    np.testing.assert_array_equal(goals(draw_goals(0, 1, 20)), goals(draw_goals(0, 1, 20)))
    assert (goals(draw_goals(0, 1, 20)) != goals(draw_goals(0, 2, 20))).any()
    assert (goals(draw_goals(0, 1, 20)) != goals(draw_goals(1, 1, 20))).any()
    np.testing.assert_array_equal(goals()[::-1], goals(at=rows[::-1]))


def test_a_goal_needs_no_camera_of_its_own(dataset):
    windows = Windows(dataset, GOALS, EPISODES)
    cameras = {camera.name: camera for camera in windows.embodiment.cameras}
    assert (cameras["goal"].height, cameras["goal"].width) == (cameras["front"].height, cameras["front"].width)
    assert [windows.source_of(name) for name in ("front", "goal")] == ["front", "front"]
    with pytest.raises(MismatchError, match=r"the window needs image\.top"):
        Windows(dataset, replace(GOALS, goal={"image.top": "image.goal"}), EPISODES)


def test_a_window_with_a_goal_survives_json():
    assert Window.from_json(json.loads(json.dumps(GOALS.to_json()))) == GOALS
    assert replace(GOALS, goal={"image.wrist": "image.goal"}) != GOALS
    assert "goal" not in WINDOW.to_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"goal": {"image.front": "image.other"}},
        {"goal": {"state": "image.goal"}},
        {"observation_steps": {"image.front": (0,), "image.goal": (-1, 0)}},
    ],
)
def test_a_goal_is_an_image_of_the_present(changes):
    with pytest.raises(PraxiaError, match="expected a goal that is an image, observed at step 0 alone"):
        replace(GOALS, **changes)


def test_sequences_have_no_goals():
    with pytest.raises(PraxiaError, match="leave out sequence_length"):
        replace(GOALS, horizon=1, sequence_length=4)


def test_an_embodiment_without_the_camera_of_the_goal_has_no_goal(dataset):
    alone = GOALS.for_embodiment(dataset.embodiment)
    assert (alone.cameras, alone.goal) == (("front",), {})
    assert GOALS.for_embodiment(Windows(dataset, GOALS, EPISODES).embodiment) == GOALS


def test_goals_are_the_same_however_a_batch_is_read(dataset):
    """By a worker, in shares of several processes, and from several entries of a mixture."""
    mixture = Mixture([Windows(dataset, GOALS, [6]), Windows(dataset, GOALS, [0, 3])])

    def goals(share=(0, 1), workers=0):
        with Loader(mixture, seed=1, batch_size=12, workers=workers, share=share) as loader:
            return loader.take(2).images["goal"]

    whole, indices = goals(), mixture.batch(1, 2, 12)
    assert len(np.unique(mixture.entry_of(indices))) == 2
    np.testing.assert_array_equal(goals(workers=1), whole)
    for rank in range(2):
        np.testing.assert_array_equal(goals(share=(rank, 2)), whole[rank::2])
    alone = [mixture.read(indices[at : at + 1], draw_goals(1, 2, 12)[at : at + 1]).images["goal"] for at in range(12)]
    np.testing.assert_array_equal(np.concatenate(alone), whole)
