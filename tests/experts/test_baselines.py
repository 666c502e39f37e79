from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Query
from praxia.envs import find_family
from praxia.experts.baselines import UniformPolicy, ZeroPolicy
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Recording


def test_zero_does_nothing_for_every_query():
    family = find_family("metaworld")
    spec = EnvSpec("metaworld", "door-open")
    env = family.build(spec)
    env.reset(family.draw_start("door-open", "test", 0))
    policy = ZeroPolicy(family.embodiment(spec))
    decisions, _ = policy.act([Query((env.observe(()),), key, 0, 0) for key in "ab"], policy.start(2))
    assert len(decisions) == 2
    for decision in decisions:
        assert decision.chunk.shape == (policy.window.horizon, 4)
        assert not np.any(decision.chunk)
        assert decision.valid.all()
    assert not any(env.command(action).success for action in decisions[0].chunk)


@pytest.mark.parametrize(
    ("env", "task", "num_dims"),
    [("pusht", "push", 2), ("tabletop-arm6-joints", "touch", 6), ("tabletop-gantry", "touch", 3)],
)
def test_zero_holds_every_embodiment_still(env, task, num_dims):
    """Under zeros as target positions PushT's agent goes 440 px into a corner, and arm6's joints turn by 0.46 rad."""
    family, spec = find_family(env), EnvSpec(env, find_family(env).find_task(task))
    start = family.draw_start(spec.task, "test", 0)
    slots = LocalSlots(1, family.build)
    zero, jobs = ZeroPolicy(family.embodiment(spec)), [Job(spec, start, "key", 0)]
    trajectories = rollout(
        zero, slots, jobs, execution=ChunkExecution(8), horizon=40, recording=Recording((), snapshots=False)
    )
    (trajectory,) = trajectories
    slots.close()
    first, last = trajectory.observations[0].state[:num_dims], trajectory.observations[-1].state[:num_dims]
    np.testing.assert_allclose(last, first, atol=1e-3)
    if env == "tabletop-gantry":
        assert not np.any(trajectory.actions)


def test_an_embodiment_that_does_not_declare_what_holds_it_is_refused():
    embodiment = Embodiment("arm", (), (Field("wrist", 2, "position", "rad"),), (), 20.0)
    with pytest.raises(MismatchError, match="'wrist'"):
        ZeroPolicy(embodiment)


BOUNDED = Field("hand", 2, "position", "px", low=0.0, high=512.0)
PROBE = Embodiment("probe", (), (BOUNDED, Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0)), (), 10.0)


def query(key: str, step: int) -> Query:
    return Query((Observation({}, np.zeros(0, np.float32), "", 0.0),), key, step, row=0)


def test_uniform_actions_fill_their_ranges():
    policy = UniformPolicy(PROBE)
    decisions, _ = policy.act([query("0/a", step) for step in range(0, 8000, 8)], policy.start(1))
    actions = np.concatenate([one.chunk for one in decisions]).astype(np.float64)
    assert actions.shape == (8000, 3)
    for dim, (low, high) in enumerate(((0, 512), (0, 512), (-1, 1))):
        assert kstest(actions[:, dim], "uniform", (low, high - low)).pvalue > 1e-3
    assert np.abs(np.corrcoef(actions.T) - np.eye(3)).max() < 0.05


def test_uniform_actions_depend_on_the_episode_and_the_step_alone():
    policy = UniformPolicy(PROBE)
    (one, two, three), _ = policy.act([query("0/a", 0), query("0/b", 0), query("0/a", 8)], None)
    (again,), _ = UniformPolicy(PROBE).act([query("0/a", 8)], None)
    np.testing.assert_array_equal(three.chunk, again.chunk)
    assert len({decision.chunk.tobytes() for decision in (one, two, three)}) == 3


def test_uniform_actions_need_ranges():
    with pytest.raises(MismatchError, match=r"'probe' has a field without one"):
        UniformPolicy(replace(PROBE, action=(BOUNDED, Field("turn", 1, "delta", "rad"))))
