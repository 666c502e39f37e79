"""A policy that thinks while the robot moves: with a clock that the test turns, and in a thread of its own."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from toy_robots import PERIOD_S, ManualClock, Robot20
from toy_world import EMBODIMENT, Seeker, build, job

from praxia.core.delays import DelayTrace
from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import ChunkExecution, Decision
from praxia.rollout.inference import ThreadedInference, measured_delays
from praxia.rollout.limits import CommandLimits
from praxia.rollout.loop import rollout
from praxia.rollout.paced import PacedSlots, SystemClock
from praxia.rollout.slots import LocalSlots

HORIZON = 24
WIDE = replace(
    EMBODIMENT, name="toy-robot", control_hz=20.0, action=(Field("move", 1, "delta", "m", low=-1e3, high=1e3),)
)


class Dated(Seeker):
    """Its action for step s, decided at step t, is t + s / 100. Keeps its queries, and may take an exception."""

    embodiment = WIDE

    def __init__(self, chunk=8, raises_at=None):
        super().__init__(chunk=chunk)
        self.raises_at = raises_at

    def _decide(self, query):
        if query.step == self.raises_at:
            raise RuntimeError("toy policy broke")
        steps = query.step + np.arange(self.window.horizon)
        return Decision((query.step + steps / 100)[:, None].astype(np.float32), np.ones(self.window.horizon, bool))


class ManualInference:
    """A decision asked for at step s arrives `thinks_s(s)` seconds later, by the clock."""

    def __init__(self, clock, thinks_s):
        self.clock, self.thinks_s, self.answer, self.arrives_s = clock, thinks_s, None, None

    def begin(self, act):
        self.answer = act()
        self.arrives_s = self.clock.now_s() + self.thinks_s()

    def result(self, wait):
        if wait:
            self.clock.wait_until(self.arrives_s)
        return self.answer if self.clock.now_s() >= self.arrives_s else None


def drive(policy, thinks_s, execution=None, jobs=None, embodiment=WIDE, horizon=HORIZON):
    clock = ManualClock()
    robot = Robot20(job(0).spec, clock)
    slots = PacedSlots(lambda spec: robot, clock)
    inference = ManualInference(clock, lambda: thinks_s.get(policy.queries[-1].step, thinks_s.get(None, 0.0)))
    found = list(
        rollout(
            policy,
            slots,
            jobs or [job(0, goal=1e6)],
            execution=execution or ChunkExecution(2),
            horizon=horizon,
            embodiment=embodiment,
            inference=inference,
        )
    )
    return found, slots, robot


@pytest.mark.parametrize(
    ("thinks_s", "delay", "execution"),
    [
        (0.0, 0, ChunkExecution(2)),
        (0.12, 3, ChunkExecution(2)),
        (0.12, 3, ChunkExecution(1, 0.01)),
        (0.44, 9, ChunkExecution(4)),
    ],
    ids=["at once", "three steps", "ensembled", "beyond the chunk"],
)
def test_what_is_executed_is_what_a_simulation_with_the_measured_delay_executes(thinks_s, delay, execution):
    policy = Dated()
    (found,), slots, robot = drive(policy, {None: thinks_s}, execution)
    assert set(found.delays) <= {delay}
    assert slots.pacing.overruns == 0
    np.testing.assert_allclose(np.diff(robot.times_s), PERIOD_S)
    assert slots.jitter_s == pytest.approx(0, abs=1e-9)
    simulated = Dated()
    (expected,) = rollout(
        simulated,
        LocalSlots(1, build),
        [job(0, goal=1e6)],
        execution=replace(execution, delay=delay),
        horizon=HORIZON,
        embodiment=WIDE,
    )
    asked = [query.step for query in policy.queries]
    if delay < 8:
        assert asked == [query.step for query in simulated.queries]
        np.testing.assert_array_equal(found.actions, expected.actions)
        np.testing.assert_array_equal(found.ages, expected.ages)
    else:
        # Only how soon the second decision is made differs: nobody knows the delay before the first was measured.
        assert asked == [0, 4, 13, 22]
        np.testing.assert_array_equal(np.isfinite(found.ages), np.arange(HORIZON) < 8)
        assert not found.actions[8:].any()
    assert found.num_decisions == len(found.delays) + 1


def test_delays_that_differ_are_measured_in_steps_and_become_a_trace_to_replay(tmp_path):
    policy = Dated()
    (found,), _, _ = drive(policy, {2: 0.13, 5: 0.01, 7: 0.22, None: 0.06})
    assert [query.step for query in policy.queries] == [0, 2, 5, 7, 12, 14, 16, 18, 20, 22]
    assert found.delays == (3, 1, 5, 2, 2, 2, 2, 2, 2)[: len(found.delays)]
    # What is expected is the longest of the last delays; what is committed is what will then be executed.
    assert [query.delay for query in policy.queries[:5]] == [0, 0, 3, 3, 5]
    for query in policy.queries[2:]:
        arrives = query.step + dict(zip([2, 5, 7, 12], [3, 1, 5, 2], strict=True)).get(query.step, 2)
        num = min(arrives, query.step + query.delay, found.steps) - query.step
        np.testing.assert_array_equal(query.committed[:num], found.actions[query.step : query.step + num])
    trace = measured_delays([found, found], control_hz=20.0)
    assert trace.delays == found.delays * 2
    trace.save(tmp_path / "trace.json")
    assert DelayTrace.load(tmp_path / "trace.json") == trace
    with pytest.raises(PraxiaError, match="one or more delays"):
        measured_delays([], control_hz=20.0)


def test_an_episode_that_ends_while_the_policy_thinks_leaves_nothing_to_the_next():
    policy = Dated()
    jobs = [job(number, goal=1e6) for number in range(2)]
    found, _, _ = drive(policy, {None: 0.12}, jobs=jobs, horizon=9)
    assert [one.steps for one in found] == [9, 9]
    np.testing.assert_array_equal(found[0].actions, found[1].actions)
    # The decision that was under way at the end, of step 8, was dropped.
    assert [query.step for query in policy.queries] == [0, 2, 5, 8, 0, 2, 5, 8]
    assert [one.num_decisions for one in found] == [3, 3]


def test_commands_are_clipped_to_what_is_declared_and_each_clip_is_counted():
    # Each action of Dated is 1 to 3 beyond the last.
    narrow = replace(WIDE, action=(Field("move", 1, "delta", "m", low=-1.0, high=4.0),))
    (found,), _, robot = drive(Dated(), {None: 0.0}, embodiment=narrow, horizon=8)
    plain = [0, 0.01, 2.02, 2.03, 4.04, 4.05, 6.06, 6.07]
    np.testing.assert_allclose(found.actions[:, 0], np.minimum(plain, 4), rtol=1e-6)
    assert found.clips == 4
    assert robot._world.position == pytest.approx(found.actions.sum())  # and it is what was executed
    target = Field("move", 1, "position", "m", low=-1e3, high=5.0, max_step=0.5)
    held = replace(WIDE, action=(target,), hold={"move": 0.0})
    (found,), _, _ = drive(Dated(), {None: 0.0}, embodiment=held, horizon=8)
    np.testing.assert_allclose(found.actions[:, 0], [0, 0.01, 0.51, 1.01, 1.51, 2.01, 2.51, 3.01], rtol=1e-6)
    assert found.clips == 6


def test_limits_are_those_of_the_embodiment():
    fields = (Field("arm", 2, "position", "rad", low=-1.0, high=1.0, max_step=0.1), Field("grip", 1, "gripper", "1"))
    limits = CommandLimits.of(replace(WIDE, action=fields))
    actions = np.array([[0.05, 0.3, 9], [0.5, -3, -9], [2, 0.1, 0]], np.float32)
    clipped, clips = limits.clip(actions, np.array([0, 1.5, 0], np.float32))
    np.testing.assert_allclose(clipped, [[0.05, 1.0, 9], [0.15, 0.9, -9], [0.25, 0.8, 0]], rtol=1e-6)
    assert clips.tolist() == [1, 2, 2]
    assert actions[0, 1] == np.float32(0.3)  # what was given is as it was
    field = replace(WIDE, action=fields).action[0]
    assert Field.from_json(field.to_json()).max_step == 0.1
    assert "max_step" not in fields[1].to_json()
    assert field == replace(field, max_step=None)


def test_real_time_is_one_robot_without_a_simulated_delay():
    slots = LocalSlots(2, build)
    with pytest.raises(MismatchError, match="one robot in real time, got 2 slots"):
        list(rollout(Dated(), slots, [job(0)], execution=ChunkExecution(1), horizon=4, inference=ThreadedInference()))
    with pytest.raises(MismatchError, match="without a delay"):
        drive(Dated(), {}, ChunkExecution(1, delay=1))


class Commands:
    """The commands that a robot has carried out, for whom waits for more of them; none comes after the `end`."""

    def __init__(self):
        self.count, self.ended, self.changed = 0, False, threading.Condition()

    def add(self, _):
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, more):
        with self.changed:
            enough = self.count + more
            assert self.changed.wait_for(lambda: self.ended or self.count >= enough, 60)


class Slow(Dated):
    """Decides when it is told to go on, or after its first decision when the robot has had two more `commands`."""

    def __init__(self, gate=None, commands=None, **options):
        super().__init__(**options)
        self.gate, self.commands = gate, commands

    def _decide(self, query):
        if self.commands is not None and query.step:
            self.commands.wait_for(2)
        if self.gate is not None:
            self.gate.wait(30)
        return super()._decide(query)


def in_thread(policy, commands=None, timeout_s=30.0):
    """The episode, its slots, and the seconds that it took."""
    clock = SystemClock()
    robot = Robot20(job(0).spec, clock, spend=commands.add if commands else time.sleep)
    slots = PacedSlots(lambda spec: robot, clock)
    inference = ThreadedInference(timeout_s)
    began_s = clock.now_s()
    try:
        options = {"execution": ChunkExecution(2), "horizon": HORIZON, "embodiment": WIDE, "inference": inference}
        (found,) = rollout(policy, slots, [job(0, goal=1e6)], **options)
    finally:
        inference.close()
        slots.close()
        if commands:
            commands.end()
    return found, slots, clock.now_s() - began_s


def test_a_thread_decides_while_the_robot_keeps_its_rate():
    """No decision ends before two more commands: a loop that waited for one would wait for ever."""
    commands = Commands()
    policy = Slow(commands=commands)
    found, slots, took_s = in_thread(policy, commands)
    assert found.steps == commands.count == HORIZON
    assert took_s > HORIZON * PERIOD_S - 1e-6
    assert min(found.delays) >= 2
    assert found.num_decisions == len(found.delays) + 1 >= 2
    assert slots.jitter_s >= 0
    assert all(query.committed is None or len(query.committed) == query.delay for query in policy.queries)


def test_what_a_policy_raises_in_its_thread_is_raised_by_the_loop():
    with pytest.raises(RuntimeError, match="toy policy broke"):
        in_thread(Slow(raises_at=2))


def test_a_first_decision_that_never_comes_is_an_error_in_one_line():
    gate = threading.Event()
    try:
        with pytest.raises(PraxiaError, match=r"expected a decision within 0.05 s, got none"):
            in_thread(Slow(gate), timeout_s=0.05)
    finally:
        gate.set()
