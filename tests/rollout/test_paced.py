"""A robot at 20 Hz: exactly, with a clock that the test turns, and in real time, where it is never early."""

import time

import numpy as np
import pytest
from toy_robots import PERIOD_S, ManualClock, Robot20
from toy_world import Seeker, job

from praxia.core.types import ChunkExecution
from praxia.rollout.loop import rollout
from praxia.rollout.paced import PacedSlots, Pacing, SystemClock


class Thinker(Seeker):
    """Decides `thinks_s[step]` seconds after it was asked at that step."""

    def __init__(self, spend, thinks_s=None, **options):
        super().__init__(goal=1e6, **options)
        self.spend, self.thinks_s = spend, thinks_s or {}

    def act(self, queries, carry):
        self.spend(self.thinks_s.get(queries[0].step, 0.004))
        return super().act(queries, carry)


def drive(clock, policy, robot, horizon, jobs=None):
    slots = PacedSlots(lambda spec: robot, clock)
    found = list(rollout(policy, slots, jobs or [job(0, goal=1e6)], execution=ChunkExecution(2), horizon=horizon))
    slots.close()
    return found, slots


def test_commands_follow_the_control_rate_exactly():
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock)
    (found,), slots = drive(clock, Thinker(clock.spend), robot, horizon=20)
    pacing = slots.pacing
    # Every second command comes 4 ms into its period, because the policy thinks that long; the first begins the first.
    sent = np.array(robot.times_s) - robot.times_s[0]
    thinking = np.where((np.arange(20) % 2 == 0) & (np.arange(20) > 0), 0.004, 0)
    np.testing.assert_allclose(sent, np.arange(20) * PERIOD_S + thinking, atol=1e-9)
    assert pacing == Pacing(20, 0, 0.0)
    assert slots.jitter_s == pytest.approx(np.std(np.diff(robot.times_s)), rel=1e-9)
    assert found.overruns == 0
    assert clock.now_s() == pytest.approx(100.004 + 20 * PERIOD_S)


def test_a_slow_policy_and_a_slow_robot_are_counted_and_nothing_is_made_up_for():
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock, slow={9: 0.07})
    (found,), slots = drive(clock, Thinker(clock.spend, {4: 0.08}), robot, horizon=12)
    pacing = slots.pacing
    assert found.overruns == pacing.overruns == 2
    assert pacing.steps == 12
    assert pacing.worst_s == pytest.approx(0.03)
    sent = np.diff(robot.times_s)
    assert sent[3] == pytest.approx(PERIOD_S + 0.08)  # the policy thought for longer than the next period
    assert sent[8] == pytest.approx(0.07)  # the ninth command took longer
    assert sent.min() == pytest.approx(PERIOD_S - 0.004)


def test_overruns_belong_to_their_episode():
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock, slow={2: 0.2})
    jobs = [job(number, goal=1e6) for number in range(2)]
    found, slots = drive(clock, Thinker(clock.spend), robot, horizon=4, jobs=jobs)
    pacing = slots.pacing
    assert [one.overruns for one in found] == [1, 0]
    assert (pacing.steps, pacing.overruns) == (8, 1)


def test_a_robot_without_snapshots_is_driven_in_real_time():
    clock = SystemClock()
    robot = Robot20(job(0).spec, clock, slow={15: 0.12}, spend=time.sleep)
    began_s = clock.now_s()
    (found,), slots = drive(clock, Thinker(time.sleep), robot, horizon=30)
    pacing = slots.pacing
    # 30 periods and the 70 ms by which one command was too slow. A busy machine can only be later.
    assert clock.now_s() - began_s > 30 * PERIOD_S + 0.07 - 1e-6
    assert found.steps == pacing.steps == 30
    assert found.overruns == pacing.overruns >= 1
    assert pacing.worst_s > 0.07 - 1e-6
