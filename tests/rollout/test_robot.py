"""A robot without snapshots: what works for it, and what asks for a simulator."""

import pytest
from toy_world import Seeker, ToyEnv, ToyRobot, Walker, job

from praxia.core.errors import MismatchError
from praxia.core.types import ChunkExecution, Robot, Simulator
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording

EXECUTION = ChunkExecution(2)


def run(policy, jobs, *, slots=None, recording=None):
    slots = LocalSlots(2, ToyRobot) if slots is None else slots
    found = list(rollout(policy, slots, jobs, execution=EXECUTION, horizon=20, recording=recording))
    slots.close()
    return sorted(found, key=lambda one: one.job.index)


def test_a_simulator_is_a_robot_but_a_robot_is_no_simulator():
    spec = job(0).spec
    assert isinstance(ToyEnv(spec), Simulator)
    assert isinstance(ToyEnv(spec), Robot)
    assert isinstance(ToyRobot(spec), Robot)
    assert not isinstance(ToyRobot(spec), Simulator)


@pytest.mark.parametrize("make_slots", [lambda: LocalSlots(2, ToyRobot), lambda: WorkerPool(1, 2, ToyRobot)])
def test_the_loop_drives_a_robot_with_its_own_image_sizes_and_times(make_slots):
    policy = Seeker()
    found = run(policy, [job(number) for number in range(3)], slots=make_slots())
    assert [(one.status("ever"), one.success_step) for one in found] == [("success", 6)] * 3
    seen = policy.queries[-1].history[-1]
    assert seen.images["front"].shape == (4, 6, 3)
    assert seen.time_of("image.front") == pytest.approx(seen.time_s - 0.05)
    assert seen.time_of("state") == seen.time_s


def test_success_that_nobody_measures_is_unknown():
    (found,) = run(Seeker(), [job(0, silent=1)])
    assert found.steps == 20
    assert (found.success_step, found.success_end, found.progress) == (None, None, None)
    assert found.status("ever") == found.status("end") == "unknown"


def test_snapshots_and_privileged_state_ask_for_a_simulator():
    with pytest.raises(MismatchError, match="a simulator for a recording with snapshots, got ToyRobot, a robot"):
        run(Seeker(), [job(0)], recording=Recording(("front",)))
    with pytest.raises(MismatchError, match="a simulator for a policy with privileged state, got ToyRobot"):
        run(Walker(), [job(0)])
    # Without snapshots a robot's episode can be kept.
    (kept,) = run(Seeker(), [job(0)], recording=Recording(("front",), snapshots=False))
    assert len(kept.observations) == 3
    assert kept.snapshots == ()
