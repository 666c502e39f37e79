from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.types import Observation, Query
from praxia.experts.baselines import UniformPolicy

HAND = Field("hand", 2, "position", "px", low=0.0, high=512.0)
EMBODIMENT = Embodiment("probe", (), (HAND, Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0)), (), 10.0)


def query(key: str, step: int) -> Query:
    return Query((Observation({}, np.zeros(0, np.float32), "", 0.0),), key, step, row=0)


def test_every_action_is_uniform_within_its_range():
    policy = UniformPolicy(EMBODIMENT)
    decisions, _ = policy.act([query("0/a", step) for step in range(0, 8000, 8)], policy.start(1))
    actions = np.concatenate([one.chunk for one in decisions]).astype(np.float64)
    assert actions.shape == (8000, 3)
    for dim, (low, high) in enumerate(((0, 512), (0, 512), (-1, 1))):
        assert kstest(actions[:, dim], "uniform", (low, high - low)).pvalue > 1e-3
    assert np.abs(np.corrcoef(actions.T) - np.eye(3)).max() < 0.05


def test_it_depends_on_the_episode_and_the_step_alone():
    policy = UniformPolicy(EMBODIMENT)
    (one, two, three), _ = policy.act([query("0/a", 0), query("0/b", 0), query("0/a", 8)], None)
    (again,), _ = UniformPolicy(EMBODIMENT).act([query("0/a", 8)], None)
    np.testing.assert_array_equal(three.chunk, again.chunk)
    assert len({decision.chunk.tobytes() for decision in (one, two, three)}) == 3


def test_a_embodiment_without_ranges_is_refused():
    with pytest.raises(MismatchError, match=r"'probe' has a field without one"):
        UniformPolicy(replace(EMBODIMENT, action=(HAND, Field("turn", 1, "delta", "rad"))))
