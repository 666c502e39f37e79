import numpy as np
import pytest

from praxia.core.errors import PraxiaError
from praxia.data import dataset as module
from praxia.data.action_chunks import action_chunks
from praxia.data.dataset import Dataset
from praxia.transforms.chain import Transforms


def test_chunks_are_normalised_actions_and_no_picture_is_touched(recorded, synthetic, monkeypatch):
    monkeypatch.setattr(module, "Footage", None)
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
