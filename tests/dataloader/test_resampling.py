import importlib.util
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from praxia.core.window import Window
from praxia.dataloader.view import DatasetView, Resampling
from praxia.dataloader.windows import Windows

found = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(found)
found.loader.exec_module(reference)

WINDOW = Window({"image.front": (-2, -1, 0), "state": (-3, 0)}, horizon=4)
EPISODES = (0, 1, 3)
KINDS = ("delta",) * 2 + ("gripper", "velocity") + ("position",) * 2 + ("torque", "discrete")


@pytest.mark.parametrize("rate_hz", [50.0, 10.0, 15.0, 29.97, 80.0, 33.3])
def test_every_window_equals_a_reference_that_reads_one_timestep_at_a_time(opened, synthetic, episode_of, rate_hz):
    windows = Windows(opened, WINDOW, range(3), DatasetView(rate_hz=rate_hz))
    samples = windows.read(np.arange(len(windows)))
    exact = Fraction(str(rate_hz))
    row = 0
    for index in EPISODES:
        episode = episode_of(index)
        for now in range(len(episode)):
            at = [reference.newest(offset, now, 50, exact) for offset in (-2, -1, 0)]
            seen = [synthetic.read_label(image) for image in samples.images["front"][row]]
            assert seen == [("front", index, frame or 0) for frame in at]
            assert samples.image_valid["front"][row].tolist() == [frame is not None for frame in at]
            at = [reference.newest(offset, now, 50, exact) for offset in (-3, 0)]
            np.testing.assert_array_equal(samples.state[row], episode.state[[frame or 0 for frame in at]])
            assert samples.state_valid[row].tolist() == [frame is not None for frame in at]
            for step in range(4):
                expected, valid = reference.action(episode.action, KINDS, step, now, 50, exact)
                assert samples.action_valid[row, step] == valid
                np.testing.assert_allclose(samples.action[row, step], expected, rtol=1e-5, atol=1e-6)
            row += 1
    assert row == len(windows)


@pytest.mark.parametrize("rate_hz", [10.0, 15.0, 20.0, 80.0, 130.0])
def test_nothing_of_a_delta_is_lost_or_added(opened, episode_of, rate_hz):
    """The steps from an episode's first frame to its last add up to what its actions add up to in that time."""
    episode = episode_of(3)
    num_steps = int(len(episode) * rate_hz / 50)
    windows = Windows(opened, Window({}, num_steps), [2], DatasetView(rate_hz=rate_hz))
    samples = windows.read(np.array([0]))
    assert samples.action_valid.all()
    frames, part = divmod(num_steps * Fraction(50) / Fraction(rate_hz), 1)
    moves = episode.action[:, :2].astype(np.float64)
    expected = moves[: int(frames)].sum(axis=0) + (float(part) * moves[int(frames)] if part else 0)
    np.testing.assert_allclose(samples.action[0, :, :2].astype(np.float64).sum(axis=0), expected, atol=1e-5)


def test_at_its_own_rate_a_data_set_is_read_to_the_bit_as_without(opened):
    one, other = (
        Windows(opened, WINDOW, range(3), view).read(np.arange(20)) for view in (None, DatasetView(rate_hz=50.0))
    )
    np.testing.assert_array_equal(one.action, other.action)
    np.testing.assert_array_equal(one.state, other.state)


def test_rates_are_rational():
    assert Resampling.between(30.0, 29.97).ratio == Fraction(3000, 2997)
    assert Resampling.between(30000 / 1001, 30.0).ratio == Fraction(1000, 1001)
    assert Resampling.between(0.1, 0.3).ratio == Fraction(1, 3)


def test_ranges_and_statistics_are_those_of_the_steps(opened, episode_of):
    windows = Windows(opened, WINDOW, range(3), DatasetView(rate_hz=10.0))
    move, *others = windows.embodiment.action
    assert (move.low, move.high) == (-5.0, 5.0)
    assert others == list(opened.embodiment.action[1:])
    assert windows.embodiment.control_hz == 10
    sums = [
        episode_of(index).action[now : now + 5, 0].astype(np.float64).sum()
        for index in EPISODES
        for now in range(len(episode_of(index)) - 4)
    ]
    found = {name: one.describe() for name, one in windows.statistics().items()}
    assert found["action"]["count"] == [len(sums)]
    np.testing.assert_allclose(found["action"]["std"][0], np.std(sums), rtol=1e-5)
    np.testing.assert_allclose(found["action"]["q99"][0], np.quantile(sums, 0.99), rtol=1e-5)
    assert found["observation.state"] == opened.stats["observation.state"]
    at_its_rate = Windows(opened, WINDOW, range(3)).statistics()
    assert at_its_rate["action"].describe() == opened.stats["action"]
