import numpy as np

from praxia.core.types import EnvSpec, Query
from praxia.envs import find_family
from praxia.experts.zero import Zero


def test_zero_does_nothing_for_every_query():
    family = find_family("metaworld")
    spec = EnvSpec("metaworld", "door-open")
    env = family.build(spec)
    env.reset(family.draw_start("door-open", "test", 0))
    policy = Zero(family.embodiment(spec))
    decisions, _ = policy.act([Query((env.look(()),), key, 0, 0) for key in "ab"], policy.start(2))
    assert len(decisions) == 2
    for decision in decisions:
        assert decision.chunk.shape == (policy.window.horizon, 4)
        assert not np.any(decision.chunk)
        assert decision.valid.all()
    assert not any(env.step(action).success for action in decisions[0].chunk)
