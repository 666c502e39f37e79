"""A robot at 20 Hz: exactly, with a clock that the test turns, and in real time with generous limits."""

import time
from dataclasses import replace

import numpy as np
import pytest
from toy_world import Seeker, ToyRobot, job

from praxia.core.types import ChunkExecution
from praxia.rollout.loop import rollout
from praxia.rollout.paced import PacedSlots, Pacing, SystemClock

PERIOD_S = 1 / 20


class ManualClock:
    """Time passes where the test says so, and while somebody waits."""

    def __init__(self):
        self.time_s = 100.0

    def now_s(self):
        return self.time_s

    def wait_until(self, time_s):
        self.time_s = max(self.time_s, time_s)

    def spend(self, seconds):
        self.time_s += seconds


class Robot20(ToyRobot):
    """A robot at 20 Hz that notes when it is commanded and takes `slow[step]` seconds to carry a command out."""

    embodiment = replace(ToyRobot.embodiment, control_hz=20.0)

    def __init__(self, spec, clock, slow=None, spend=None):
        super().__init__(spec)
        self.clock, self.slow, self.times_s = clock, slow or {}, []
        self.spend = spend or clock.spend

    def command(self, action):
        self.times_s.append(self.clock.now_s())
        self.spend(self.slow.get(len(self.times_s), 0.0))
        return super().command(action)


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
    return found, slots.pacing


def test_commands_follow_the_control_rate_exactly():
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock)
    (found,), pacing = drive(clock, Thinker(clock.spend), robot, horizon=20)
    # Every second command comes 4 ms into its period, because the policy thinks that long; the first begins the first.
    sent = np.array(robot.times_s) - robot.times_s[0]
    thinking = np.where((np.arange(20) % 2 == 0) & (np.arange(20) > 0), 0.004, 0)
    np.testing.assert_allclose(sent, np.arange(20) * PERIOD_S + thinking, atol=1e-9)
    assert pacing == Pacing(20, 0, 0.0)
    assert found.overruns == 0
    assert clock.now_s() == pytest.approx(100.004 + 20 * PERIOD_S)


def test_a_slow_policy_and_a_slow_robot_are_counted_and_nothing_is_made_up_for():
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock, slow={9: 0.07})
    (found,), pacing = drive(clock, Thinker(clock.spend, {4: 0.08}), robot, horizon=12)
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
    found, pacing = drive(clock, Thinker(clock.spend), robot, horizon=4, jobs=jobs)
    assert [one.overruns for one in found] == [1, 0]
    assert (pacing.steps, pacing.overruns) == (8, 1)


def test_a_robot_without_snapshots_is_driven_in_real_time():
    clock = SystemClock()
    robot = Robot20(job(0).spec, clock, slow={15: 0.12}, spend=time.sleep)
    (found,), pacing = drive(clock, Thinker(time.sleep), robot, horizon=30)
    took_s = robot.times_s[-1] - robot.times_s[0]
    # 29 periods and the 70 ms by which one command was too slow. A busy machine can only be later.
    assert 29 * PERIOD_S + 0.06 < took_s < 4 * 29 * PERIOD_S
    assert found.steps == pacing.steps == 30
    assert 1 <= found.overruns < 30
    assert pacing.worst_s > 0.06
