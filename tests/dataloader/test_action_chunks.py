import shutil

import numpy as np
import pytest

from praxia.core.errors import DataError, PraxiaError
from praxia.data import dataset as module
from praxia.data.dataset import Dataset
from praxia.dataloader import action_chunks as chunks_module
from praxia.dataloader.action_chunks import action_chunks, chunk_statistics, chunks_of, windows_without_images
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.transforms.chain import Transforms
from praxia.transforms.relative import RelativeActions


def test_chunks_are_normalised_actions_and_no_image_is_touched(recorded, synthetic, monkeypatch):
    monkeypatch.setattr(module, "CameraFrames", None)
    dataset = Dataset(recorded)
    transforms = Transforms.fit([[dataset.stats]], dataset.instructions)
    chunks, valid = action_chunks([(dataset, [2, 5])], 6, transforms)
    actions = [synthetic.episode(index).action for index in (2, 5)]
    assert len(chunks) == len(valid) == sum(map(len, actions))
    low, high = (np.array(dataset.stats["action"][name]) for name in ("q01", "q99"))
    expected = (actions[1][:6] - low) / (high - low) * 2 - 1
    np.testing.assert_allclose(chunks[len(actions[0])], expected, atol=1e-5)
    assert valid[len(actions[0])].all()
    np.testing.assert_array_equal(chunks[-1], np.repeat(chunks[-1, :1], 6, axis=0))
    assert valid[-1].tolist() == [True] + [False] * 5


def test_a_horizon_below_one_is_refused(recorded):
    dataset = Dataset(recorded)
    with pytest.raises(PraxiaError, match="--horizon of at least 1, got 0"):
        action_chunks([(dataset, [0])], 0, Transforms.fit([[dataset.stats]], dataset.instructions))


def by_hand(synthetic, indices, horizon, moved=lambda action, present: action):
    """Every action of every chunk, one by one."""
    rows = []
    for index in indices:
        episode = synthetic.episode(index)
        for now in range(len(episode)):
            for action in episode.action[now : now + horizon]:
                rows.append(moved(action.astype(np.float64), episode.state[now].astype(np.float64)))
    return np.array(rows)


def expect(described, rows):
    assert described["count"] == [len(rows)]
    np.testing.assert_allclose(described["mean"], rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(described["std"], rows.std(axis=0), rtol=1e-6)
    for name, level in (("min", 0), ("q01", 0.01), ("q50", 0.5), ("q99", 0.99), ("max", 1)):
        np.testing.assert_allclose(described[name], np.quantile(rows, level, axis=0), rtol=1e-6)


@pytest.mark.parametrize("horizon", [1, 6, 50])
def test_statistics_count_each_action_in_each_of_its_chunks_and_no_padding(recorded, synthetic, horizon, monkeypatch):
    monkeypatch.setattr(chunks_module, "MAX_ACTIONS", 40)  # so that blocks end within episodes
    found = chunk_statistics(windows_without_images([(Dataset(recorded), [2, 5])], horizon), {})["synthetic"].describe()
    expect(found, by_hand(synthetic, [2, 5], horizon))


def test_relative_statistics_are_of_differences_to_the_chunks_present(recorded, synthetic):
    relative = RelativeActions(action=(1, 0), state=(0, 1))
    found = chunk_statistics(windows_without_images([(Dataset(recorded), range(8))], 6), {"synthetic": relative})[
        "synthetic"
    ].describe()

    def moved(action, present):
        return np.array([action[0] - present[1], action[1] - present[0], action[2]])

    expect(found, by_hand(synthetic, range(8), 6, moved))


def test_data_sets_of_one_embodiment_count_as_one(recorded, synthetic):
    dataset = Dataset(recorded)
    found = chunk_statistics(windows_without_images([(dataset, [0, 1]), (dataset, [5, 6, 7])], 4), {})
    expect(found["synthetic"].describe(), by_hand(synthetic, [0, 1, 5, 6, 7], 4))


def test_no_video_is_opened(record, tmp_path):
    record(tmp_path / "set", range(2))
    dataset = Dataset(tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "videos")
    assert chunk_statistics(windows_without_images([(dataset, [0, 1])], 4), {})["synthetic"].describe()["count"] == [
        4 * 5 - 6 + 4 * 12 - 6
    ]


def test_a_number_that_is_not_finite_is_named(recorded, monkeypatch):
    dataset, column = Dataset(recorded), Dataset.column
    broken = dataset.column("action").copy()
    broken[dataset.episodes.first[3] + 4, 1] = np.nan
    monkeypatch.setattr(Dataset, "column", lambda self, name: broken if name == "action" else column(self, name))
    with pytest.raises(DataError, match=r"not finite within 2 steps of frame 3 of episode 3"):
        chunk_statistics(windows_without_images([(dataset, range(8))], 2), {})


@pytest.mark.parametrize("relative", [{}, {"synthetic": RelativeActions(action=(1, 0), state=(0, 1))}])
@pytest.mark.parametrize("most", [50, 16_384])
def test_data_read_as_video_change_no_chunk_and_no_statistic(recorded, relative, most, monkeypatch):
    monkeypatch.setattr(chunks_module, "MAX_CHUNKS", most)
    (labelled,) = windows_without_images([(Dataset(recorded), [2, 5])], 6)
    video = Windows(labelled.dataset, labelled.window, [0, 1, 3], DatasetView(actions=False))
    fitted = []
    for entries in ([labelled], [labelled, video], [video, labelled, video]):
        windows, statistics = Mixture(entries), compute_statistics(entries, relative)
        transforms = fit_transforms(windows, statistics)
        fitted.append((statistics["synthetic"].combined["action"], *chunks_of(windows, transforms)))
    for found in fitted[1:]:
        assert found[0] == fitted[0][0]
        np.testing.assert_array_equal(found[1], fitted[0][1])
        np.testing.assert_array_equal(found[2], fitted[0][2])
    assert len(fitted[0][1]) == min(most, len(labelled))
