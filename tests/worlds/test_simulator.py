"""A simulator as a world, and planning with perfect dynamics: Bimodal is solved from its privileged state."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from world_testing import expect_world

from praxia.core.errors import MismatchError
from praxia.core.types import ChunkExecution, EnvSpec, Query
from praxia.envs.bimodal.env import Bimodal
from praxia.envs.bimodal.family import BIMODAL
from praxia.envs.wrappers import Revealing, revealing
from praxia.experts.baselines import UniformPolicy
from praxia.nn.world import Decodes, World
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.mppi import MPPI
from praxia.planning.objectives import Reward
from praxia.planning.planner import Planner
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job
from praxia.worlds.simulator import SimulatorWorld

SPEC = EnvSpec("bimodal", "pass")
CAMERAS = [camera.name for camera in Bimodal(SPEC).embodiment.cameras]


def world(**options):
    return SimulatorWorld(Bimodal(SPEC), **options)


def query(index, *actions):
    """A query about an episode after some actions."""
    env = Revealing(Bimodal(SPEC))
    env.reset(BIMODAL.draw_start("pass", "test", index))
    for action in actions:
        env.command(np.array(action, np.float32))
    return Query((env.observe(()),), "episode", len(actions), 0, env.privileged())


def test_it_keeps_what_a_world_promises():
    assert isinstance(world(), World)
    actions = torch.rand(2, 6, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    expect_world(world(stride=2), [query(0), query(1, (0.5, 0.1))], actions)


def test_it_imagines_what_the_simulator_does():
    actions = np.array([[0.5, 1.0], [1.0, -0.5], [0.2, 0.1], [0.9, 0.9]], np.float32)
    env = Bimodal(SPEC)
    env.reset(BIMODAL.draw_start("pass", "test", 3))
    outcomes, positions = [], []
    for action in actions:
        outcomes.append(env.command(action))
        positions.append(env.privileged()["robot"])
    model = world(stride=2)
    imagined = model.imagine(model.start([query(3)]), torch.from_numpy(actions)[None])
    np.testing.assert_allclose(imagined.latents[0, :, 0, :2], positions[1::2], rtol=1e-6)
    rewards = np.array([one.reward for one in outcomes]).reshape(2, 2).sum(1)
    assert imagined.reward is not None
    np.testing.assert_allclose(imagined.reward[0], rewards, rtol=1e-5)


def test_an_episode_that_is_over_stays_as_it_is():
    """Straight ahead the robot touches the obstacle."""
    model, ahead = world(), torch.tensor([0.0, 1.0]).expand(1, 12, 2)
    imagined = model.imagine(model.start([query(0)]), ahead)
    assert imagined.terminated is not None
    assert imagined.reward is not None
    end = int(imagined.terminated[0].long().argmax())
    assert 0 < end < 6
    assert imagined.terminated[0, end:].all()
    assert not imagined.reward[0, end + 1 :].any()
    assert torch.equal(imagined.latents[0, end:], imagined.latents[0, end:][:1].expand(12 - end, 1, -1))
    after = model.imagine(imagined.state, -ahead)
    assert torch.equal(after.latents, imagined.latents[:, -1:].expand(-1, 12, -1, -1))


def test_a_cost_of_privileged_state_takes_the_place_of_rewards():
    model = world(cost=lambda known: float(np.abs(known["robot"] - known["goal"]).sum()))
    actions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    imagined = model.imagine(model.start([query(0)]), actions)
    robot, goal = imagined.latents[0, :, 0, :2], imagined.latents[0, :, 0, 4:]
    assert imagined.terminated is None
    assert imagined.reward is not None
    torch.testing.assert_close(imagined.reward[0], -(robot - goal).abs().sum(1))


def test_it_shows_what_the_simulator_would_see():
    model = world()
    state = model.start([query(0), query(1, (0.5, 0.1))])
    after = model.imagine(state, torch.full((2, 3, 2), 0.5)).state
    env = Bimodal(SPEC)
    env.reset(BIMODAL.draw_start("pass", "test", 1))
    for action in [(0.5, 0.1), *[(0.5, 0.5)] * 3]:
        env.command(np.array(action, np.float32))
    expected = env.observe(CAMERAS).images
    assert isinstance(model, Decodes)
    found = model.decode(after)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name][1], image) for name, image in expected.items())
    assert not np.array_equal(found[CAMERAS[0]][0], found[CAMERAS[0]][1])


def test_a_query_without_a_snapshot_is_refused():
    with pytest.raises(MismatchError, match="expected the simulator's snapshot"):
        world().start([replace(query(0), privileged=None)])


def successes(policy, num):
    family = revealing(BIMODAL)
    starts = [family.draw_start("pass", "test", index) for index in range(num)]
    jobs = [Job(SPEC, start, start.key, index) for index, start in enumerate(starts)]
    execution = ChunkExecution(execution_horizon=6)
    with closing(LocalSlots(num, family.build)) as slots:
        found = list(rollout(policy, slots, jobs, execution=execution, horizon=50, embodiment=policy.embodiment))
    assert all(one.error is None for one in found)
    return sum(bool(one.success_ever) for one in found)


SOLVERS = [
    CEM(samples=40, iterations=4, elites=6, returns="best"),  # the mean of both ways is none
    MPPI(samples=40, iterations=4, elites=10, temperature=0.05, std=0.7),
]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda one: one.tag)
def test_planning_with_perfect_dynamics_passes_the_obstacle(solver):
    """The way straight to the goal ends at the obstacle, and random actions do not get there."""
    planner = Planner(world(stride=6), Reward(), solver, Blocks(count=4, steps=6, repeat=True))
    assert planner.privileged
    assert successes(planner, 3) == 3
    assert successes(UniformPolicy(Bimodal(SPEC).embodiment), 3) == 0
