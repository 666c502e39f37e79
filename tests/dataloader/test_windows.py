import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError
from praxia.core.types import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows

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
