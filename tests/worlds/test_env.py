"""Policies inside worlds: inside the simulator itself everything is as it is in the simulator."""

from contextlib import closing

import numpy as np
import pytest
import torch
from inside_testing import ToGoal
from world_testing import POINT, PointWorld

from praxia.core.errors import MismatchError
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Start, VectorEnv
from praxia.envs import find_family
from praxia.envs.wrappers import revealing
from praxia.experts.baselines import UniformPolicy
from praxia.nn.world import Imagined
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Recording
from praxia.worlds.env import Observer, SimulatedStarts, WorldEnv
from praxia.worlds.simulator import SimulatorWorld


def episodes(env, policy, family, task, num=4, **options):
    spec = EnvSpec(family.name, task, size=16)
    starts = [family.draw_start(task, "test", index) for index in range(num)]
    jobs = [Job(spec, start, start.key, index) for index, start in enumerate(starts)]
    with closing(env) as slots:
        found = list(rollout(policy, slots, jobs, execution=ChunkExecution(2), horizon=40, **options))
    return sorted(found, key=lambda one: one.job.index)


def world_of(family, task, **options):
    return SimulatorWorld(family.build(EnvSpec(family.name, task, size=16)), **options)


@pytest.mark.parametrize(("name", "task"), [("tworoom", "same-room"), ("bimodal", "pass")])
@pytest.mark.parametrize("chance", [False, True])
def test_inside_the_simulator_a_policy_does_what_it_does_in_the_simulator(name, task, chance):
    """Episodes of different lengths in two slots: success, contact and the horizon end them."""
    family = find_family(name)
    policy = (
        UniformPolicy(family.embodiment(EnvSpec(name, task)), horizon=2)
        if chance
        else ToGoal(cameras=("top",), horizon=2, steps=(-1, 0))
    )
    recording = Recording(("top",), snapshots=False, every_step=True)
    world = world_of(family, task)
    assert isinstance(world, Observer)
    inside = WorldEnv(world, world, None, SimulatedStarts(revealing(family).build), 2)
    assert isinstance(inside, VectorEnv)
    found = episodes(inside, policy, family, task, recording=recording)
    expected = episodes(LocalSlots(2, family.build), policy, family, task, recording=recording)
    assert {one.steps for one in expected} != {40} or chance
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions)
        flags = [[(it.terminated, it.truncated, it.success) for it in each.outcomes] for each in (one, other)]
        assert flags[0] == flags[1]
        rewards = [[it.reward for it in each.outcomes] for each in (one, other)]
        np.testing.assert_allclose(*rewards, rtol=1e-5, atol=1e-7)
        for seen, true in zip(one.observations, other.observations, strict=True):
            np.testing.assert_array_equal(seen.state, true.state)
            np.testing.assert_array_equal(seen.images["top"], true.images["top"])
            assert (seen.instruction, seen.time_s) == (true.instruction, pytest.approx(true.time_s))


def test_a_stride_of_several_steps_is_one_look_at_success():
    family = find_family("tworoom")
    policy = ToGoal(horizon=2)
    world = world_of(family, "same-room", stride=2)
    inside = WorldEnv(world, world, None, SimulatedStarts(revealing(family).build), 3)
    found = episodes(inside, policy, family, "same-room")
    expected = episodes(LocalSlots(3, family.build), policy, family, "same-room")
    for one, other in zip(found, expected, strict=True):
        assert other.success_step is not None
        assert one.success_step == other.success_step + other.success_step % 2


class Near:
    """The task is done within 0.3 m of the origin."""

    def detect(self, latent, observed):
        return latent[:, 0].norm(dim=1) < 0.3


class Shown:
    cameras = ()

    def observe(self, state, first, cameras):
        return [
            Observation({}, row.numpy(), one.instruction, 0.0)
            for row, one in zip(state.latent[:, 0], first, strict=True)
        ]


SPEC = EnvSpec("point", "go")


def begin_at(spec, start, cameras):
    return Observation({}, np.array(start.payload["at"], np.float32), "go", 0.0), None


def inside_point(slots=2, world=None):
    return WorldEnv(world or PointWorld(), Shown(), Near(), begin_at, slots)


def start_at(*position):
    return Start("point", "go", {"at": list(position)})


def test_the_detector_ends_an_episode_and_gives_the_reward():
    env = inside_point()
    env.begin(0, SPEC, start_at(1.0, 0.0), ())
    env.begin(1, SPEC, start_at(0.0, 5.0), ())
    assert [one.observation.state.tolist() for one in env.ready()] == [[1.0, 0.0], [0.0, 5.0]]
    west = np.tile(np.array([-2.0, 0.0], np.float32), (8, 1))
    for slot in (0, 1):
        env.advance(slot, west, stop_on_success=True, observe=(4, 8))
    near, far = env.ready()
    assert [one.success for one in near.outcomes] == [False, False, False, True]
    assert [one.reward for one in near.outcomes] == [0.0, 0.0, 0.0, 1.0]
    assert (near.observation, near.earlier) == (None, ()), "nothing is observed after the last step"
    assert len(far.outcomes) == 8
    np.testing.assert_allclose(far.earlier[0].state, [-0.8, 5.0], rtol=1e-5)
    np.testing.assert_allclose(far.observation.state, [-1.6, 5.0], rtol=1e-5)
    assert [far.earlier[0].time_s, far.observation.time_s] == [0.4, 0.8]


def test_episodes_that_began_apart_are_told_apart():
    env, step = inside_point(), np.ones((2, 2), np.float32)
    env.begin(0, SPEC, start_at(2.0, 0.0), ())
    env.ready()
    env.begin(1, SPEC, start_at(3.0, 0.0), ())
    env.advance(0, step, False)
    assert [one.slot for one in env.ready()] == [0], "the other begins when nobody waits"
    assert [one.slot for one in env.ready()] == [1]
    for slot in (0, 1):
        env.advance(slot, step, False)
    states = [one.observation.state for one in env.ready()]
    np.testing.assert_allclose(states, [[2.4, 0.4], [3.2, 0.2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"privileged": True}, "got a policy with privileged state"), ({"snapshots": True}, "got snapshots")],
)
def test_what_only_a_simulator_has_is_refused(options, message):
    with pytest.raises(MismatchError, match=message):
        inside_point().begin(0, SPEC, start_at(1.0, 0.0), (), **options)


def test_what_is_not_decoded_or_imagined_is_refused():
    env = inside_point()
    with pytest.raises(
        MismatchError, match="the policy sees 'top', but what is decoded inside this world is the state"
    ):
        env.begin(0, SPEC, start_at(1.0, 0.0), ("top",))
    env.begin(0, SPEC, start_at(1.0, 0.0), ())
    env.ready()
    for actions, observe in ((3, (2,)), (4, (1, 4))):
        with pytest.raises(MismatchError, match="multiples of 2 control steps"):
            env.advance(0, np.zeros((actions, 2), np.float32), False, observe)


def test_a_world_that_does_not_know_success_needs_a_detector():
    env = WorldEnv(PointWorld(), Shown(), None, begin_at, 1)
    env.begin(0, SPEC, start_at(1.0, 0.0), ())
    env.ready()
    env.advance(0, np.zeros((2, 2), np.float32), False)
    with pytest.raises(MismatchError, match="expected a detector of success"):
        env.ready()


def test_a_world_with_rewards_and_ends_gives_its_own():
    class Ends(PointWorld):
        def imagine(self, state, actions):
            found = super().imagine(state, actions)
            return Imagined(found.latents, found.state, found.latents[..., 0, 0], found.latents[..., 0, 0] > 1.3)

    env = inside_point(1, Ends())
    env.begin(0, SPEC, start_at(1.0, 1.0), ())
    env.ready()
    env.advance(0, np.ones((6, 2), np.float32), False)
    (result,) = env.ready()
    assert [one.terminated for one in result.outcomes] == [False, False, False, True]
    assert [one.reward for one in result.outcomes] == pytest.approx([0.0, 1.2, 0.0, 1.4])
    assert POINT.control_hz == 10
    assert torch.is_grad_enabled()
