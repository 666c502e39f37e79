import numpy as np
import pytest

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.types import ChunkExecution, EnvSpec, Query
from praxia.envs import find_family
from praxia.experts.baselines import ZeroPolicy
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
    assert not any(env.step(action).success for action in decisions[0].chunk)


@pytest.mark.parametrize(
    ("env", "task", "held"),
    [("pusht", "push", 2), ("tabletop-arm6-joints", "touch", 6), ("tabletop-gantry", "touch", 3)],
)
def test_a_embodiment_that_is_held_does_not_move_whatever_its_actions_are(env, task, held):
    """Under zeros as target positions PushT's agent goes 440 px into a corner, and arm6's joints turn by 0.46 rad."""
    family, spec = find_family(env), EnvSpec(env, find_family(env).task(task))
    start = family.draw_start(spec.task, "test", 0)
    slots = LocalSlots(1, family.build)
    zero, jobs = ZeroPolicy(family.embodiment(spec)), [Job(spec, start, "key", 0)]
    trajectories = rollout(
        zero, slots, jobs, execution=ChunkExecution(8), horizon=40, recording=Recording((), snapshots=False)
    )
    (trajectory,) = trajectories
    slots.close()
    first, last = trajectory.observations[0].state[:held], trajectory.observations[-1].state[:held]
    np.testing.assert_allclose(last, first, atol=1e-3)
    if env == "tabletop-gantry":
        assert not np.any(trajectory.actions)


def test_a_embodiment_of_which_nothing_says_what_holds_it_is_refused():
    embodiment = Embodiment("arm", (), (Field("wrist", 2, "position", "rad"),), (), 20.0)
    with pytest.raises(MismatchError, match="'wrist'"):
        ZeroPolicy(embodiment)
