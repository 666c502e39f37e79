"""Sequences against a plain loop over the recorded episodes."""

import dataclasses

import numpy as np
import pytest

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.sequences import Chains
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows

LENGTH = 9
WINDOW = Window(
    {"image.front": (0,), "state": (0,), "action": (-1,)},
    horizon=1,
    outcomes=True,
    extras=("action.executed",),
    sequence_length=LENGTH,
)
EPISODES = [6, 0, 3, 4]


@pytest.fixture(scope="module")
def episodes(synthetic):
    """Synthetic episodes of two instructions in turns, each ended by its task."""

    def make(number, index):
        episode = synthetic.episode(index)
        terminated, draw = np.zeros(len(episode), bool), np.random.default_rng(index)
        terminated[-1] = True
        reward = draw.normal(size=len(episode)).astype(np.float32)
        text = ("push", "pull")[number % 2]
        return dataclasses.replace(
            episode, instruction=text, task=text, reward=reward, terminated=terminated, truncated=~terminated & False
        )

    return {index: make(number, index) for number, index in enumerate(sorted(EPISODES))}


@pytest.fixture(scope="module")
def dataset(episodes, tmp_path_factory):
    root = tmp_path_factory.mktemp("sequences") / "data"
    begin_recording(root, {})
    for at, index in enumerate(sorted(EPISODES)):
        stage_episode(root, at, episodes[index])
    finalize(root, next(iter(episodes.values())).embodiment, {})
    return Dataset(root)


def test_every_step_of_every_sequence(dataset, episodes, synthetic):
    order = [2, 0, 3, 1]
    windows = Windows(dataset, WINDOW, order)
    samples = windows.read(np.arange(len(windows)))
    used = [episodes[sorted(EPISODES)[number]] for number in order]
    frames = [(which, step) for which, episode in enumerate(used) for step in range(len(episode))]
    assert len(samples.action) == len(frames)
    for row, (which, begin) in enumerate(frames):
        text = used[which].instruction
        assert samples.instruction[row] == text
        chain = [(w, s) for w in range(len(used)) if used[w].instruction == text for s in range(len(used[w]))]
        place = chain.index((which, begin))
        for step in range(LENGTH):
            valid = place + step < len(chain)
            now, frame = chain[min(place + step, len(chain) - 1)]
            episode = used[now]
            assert samples.is_first[row, step] == (valid and frame == 0)
            for name in ("state_valid", "action_valid"):
                assert getattr(samples, name)[row, step] == valid
            assert samples.image_valid["front"][row, step] == valid
            index = sorted(EPISODES)[order[now]]
            assert synthetic.read_label(samples.images["front"][row, step]) == ("front", index, frame)
            np.testing.assert_array_equal(samples.state[row, step], episode.state[frame])
            np.testing.assert_array_equal(samples.action[row, step], episode.action[frame])
            np.testing.assert_array_equal(samples.past_action[row, step], episode.action[max(frame - 1, 0)])
            assert samples.past_action_valid[row, step] == (valid and frame > 0)
            assert samples.reward[row, step] == episode.reward[frame]
            assert samples.terminated[row, step] == episode.terminated[frame]
            np.testing.assert_array_equal(samples.extras["action.executed"][row, step], episode.executed_action[frame])


def test_a_mixture_has_the_order_of_its_windows_and_any_number_of_workers_the_same_batches(dataset):
    """A sequence stays in its data set."""
    entries = [Windows(dataset, WINDOW, [0, 2]), Windows(dataset, WINDOW, [1])]
    mixture = Mixture(entries, weights=(1, 2))
    plain = Mixture(
        [Windows(dataset, dataclasses.replace(WINDOW, sequence_length=None), one.episodes) for one in entries]
    )
    assert len(mixture) == len(plain)
    with (
        Loader(mixture, seed=3, batch_size=6, workers=0) as one,
        Loader(mixture, seed=3, batch_size=6, workers=2) as two,
        Loader(mixture, seed=3, batch_size=6, workers=1) as resumed,
    ):
        expected = [one.take(step) for step in range(4)]
        assert all(_equal(two.take(step), samples) for step, samples in enumerate(expected))
        assert all(_equal(resumed.take(step), expected[step]) for step in (2, 3))
    samples = mixture.read(np.array([len(entries[0]) - 1, 0]))
    assert samples.is_first.shape == (2, LENGTH)
    assert samples.state_valid[0].tolist() == [True] + [False] * (LENGTH - 1)
    assert samples.is_first[:, 0].tolist() == [False, True]
    np.testing.assert_array_equal(samples.state[1, 0], plain.read(np.array([0])).state[0, 0])


def _equal(one: Samples, other: Samples) -> bool:
    def same(ours, theirs):
        if isinstance(ours, dict):
            return set(ours) == set(theirs) and all(same(ours[name], theirs[name]) for name in ours)
        return np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs

    return all(same(getattr(one, entry.name), getattr(other, entry.name)) for entry in dataclasses.fields(one))


def test_video_alone(dataset):
    samples = Windows(dataset, Window({"image.front": (0,)}, 0, sequence_length=3), [0]).read(np.arange(4))
    assert (samples.state.shape[:2], samples.action, samples.past_action) == ((4, 0), None, None)
    assert samples.images["front"].shape[:2] == samples.is_first.shape == (4, 3)


def test_parts_of_an_episode_with_another_instruction_are_chains_of_their_own():
    task = np.array([0, 0, 1, 1, 0, 0, 0])
    chains = Chains.of(task, np.array([1, 0, 0, 0, 0, 1, 0], bool))
    windows, valid = chains.following(np.arange(7), 3)
    assert windows[:5].tolist() == [[0, 1, 1], [1, 1, 1], [2, 3, 3], [3, 3, 3], [4, 4, 4]]
    assert valid[:5].tolist() == [[True, True, False], [True, False, False]] * 2 + [[True, False, False]]
    assert windows[5:].tolist() == [[5, 6, 6], [6, 6, 6]]


def test_a_window_of_sequences_survives_json_and_is_another(dataset):
    again = Window.from_json(WINDOW.to_json())
    assert again == WINDOW
    assert again != dataclasses.replace(WINDOW, sequence_length=LENGTH + 1)
    assert "sequence_length" not in dataclasses.replace(WINDOW, sequence_length=None).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": 2}, r"a horizon of 0 or 1 and no targets, got 'horizon' \[2\]"),
        ({"observation_steps": {"state": (-1, 0)}}, r"got 'state' \[-1, 0\]"),
        ({"observation_steps": {"action": (-2, -1)}}, r"got 'action' \[-2, -1\]"),
        ({"targets": {"state": (1,)}}, r"got 'state' \[1\]"),
        ({"sequence_length": 0}, "expected sequences of 1 step or more, got 0"),
    ],
)
def test_windows_of_several_steps_are_refused(change, message):
    with pytest.raises(PraxiaError, match=message):
        dataclasses.replace(WINDOW, **change)


def test_another_rate_is_refused(dataset):
    view = DatasetView(rate_hz=dataset.fps / 2)
    window = Window({"state": (0,)}, 1, sequence_length=3)
    with pytest.raises(MismatchError, match=r"a sequence of .* leave out rate_hz, or the window's sequence_length"):
        Windows(dataset, window, [0], view)
