import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from toy_world import ToyEnv, Walker, build, job

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory


@contextmanager
def pool(num_workers: int, slots_per_worker: int = 2, make: Callable[[EnvSpec], Any] = build) -> Iterator[WorkerPool]:
    with closing(WorkerPool(num_workers, slots_per_worker, make)) as slots:
        yield slots


def run(slots: Any, jobs: list[Any]) -> list[Trajectory]:
    trajectories = rollout(Walker(), slots, jobs, execution=ChunkExecution(4), horizon=40)
    return sorted(trajectories, key=lambda one: one.job.index)


def test_the_pool_gives_the_same_as_local_slots():
    jobs = [job(number, goal=2.0 + number) for number in range(7)]
    expected = run(LocalSlots(1, build), jobs)
    for num_workers in (1, 2):
        with pool(num_workers) as slots:
            got = run(slots, jobs)
        for one, other in zip(expected, got, strict=True):
            np.testing.assert_array_equal(one.actions, other.actions)
            assert one.outcomes == other.outcomes


def test_images_arrive_by_camera_and_do_not_change_later():
    with pool(1) as slots:
        seen = []
        for number in (1, 2):
            one = job(number, size=8 * number)  # the second needs a larger block of memory
            slots.begin(0, one.spec, one.start, ("front", "side"))
            seen += slots.ready()
            slots.advance(0, np.zeros((3, 1), np.float32), stop_on_success=True)
            seen += slots.ready()
    seen_images = [result.observation.images for result in seen]
    assert [sorted(images) for images in seen_images] == [["front", "side"]] * 4
    assert [images["side"].shape[0] for images in seen_images] == [8, 8, 16, 16]
    assert [tuple(images["front"][0, 0]) for images in seen_images] == [(1, 0, 0), (1, 3, 0), (2, 0, 0), (2, 3, 0)]


def test_observations_within_the_executed_steps_arrive_in_order():
    """More of them than the slot had memory for."""
    with pool(1) as slots:
        one = job(3, size=8)
        slots.begin(0, one.spec, one.start, ("front",))
        slots.ready()
        slots.advance(0, np.zeros((5, 1), np.float32), stop_on_success=False, observe=(1, 2, 4))
        (inside,) = slots.ready()
        slots.advance(0, np.zeros((2, 1), np.float32), stop_on_success=False, observe=(1, 2))
        (last,) = slots.ready()
    assert [tuple(seen.images["front"][0, 0]) for seen in inside.earlier] == [(3, 1, 0), (3, 2, 0), (3, 4, 0)]
    assert inside.observation is None
    assert [tuple(seen.images["front"][0, 0]) for seen in last.earlier] == [(3, 6, 0)]
    assert tuple(last.observation.images["front"][0, 0]) == (3, 7, 0)
    assert [seen.time_s for seen in inside.earlier] == pytest.approx([0.1, 0.2, 0.4])


def test_a_crash_is_an_error_and_the_worker_lives_on():
    with pool(1, 1) as slots:
        trajectories = run(slots, [job(0, crash_at=0), job(1, crash_at=5), job(2)])
    assert [one.error for one in trajectories] == [
        "RuntimeError: at reset",
        "RuntimeError: at a step",
        None,
    ]


TWICE = "worker process died (signal 9), the second one with this episode under way"


def test_an_episode_that_kills_two_workers_is_an_error_and_so_are_those_beside_it():
    jobs = [job(0, die_at=3), job(1, goal=4.0), job(2), job(3), job(4)]
    with pool(1, 2) as slots:
        trajectories = run(slots, jobs)
    assert [one.error for one in trajectories[:2]] == [TWICE] * 2
    assert [one.status("ever") for one in trajectories[2:]] == ["success"] * 3


def test_episodes_lost_with_their_worker_are_run_again():
    jobs = [job(number, goal=4.0) for number in range(5)]
    expected = run(LocalSlots(1, build), jobs)

    class Killer(Walker):
        has_killed = False

        def act(self, queries: Any, carry: Any) -> Any:
            if not self.has_killed and any((query.key, query.step) == (jobs[0].key, 4) for query in queries):
                self.has_killed = True
                (child,) = workers(os.getpid())
                child.kill()
            return super().act(queries, carry)

    policy = Killer()
    with pool(1, 2) as slots:
        found = sorted(
            rollout(policy, slots, jobs, execution=ChunkExecution(4), horizon=40),
            key=lambda one: one.job.index,
        )
    assert policy.has_killed
    for one, other in zip(expected, found, strict=True):
        assert other.error is None
        np.testing.assert_array_equal(one.actions, other.actions)
        assert one.outcomes == other.outcomes


def test_a_worker_killed_while_idle_is_reported_at_the_next_step():
    with pool(1, 1) as slots:
        one = job(0)
        slots.begin(0, one.spec, one.start, ())
        slots.ready()
        (child,) = workers(os.getpid())
        child.kill()
        wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE)
        slots.advance(0, np.zeros((1, 1), np.float32), stop_on_success=True)
        (result,) = slots.ready()
        assert (result.error, result.lost) == ("worker process died (signal 9)", True)
        slots.begin(0, one.spec, one.start, ())
        assert slots.ready()[0].error is None


def refuse(spec: EnvSpec) -> ToyEnv:
    raise UnknownName("task", spec.task, ["walk", "run"], "praxia info")


def test_bad_input_is_raised_and_is_no_crash():
    with pool(1, 1, refuse) as slots, pytest.raises(PraxiaError, match="unknown task 'walk'"):
        run(slots, [job(0)])


def large(spec: EnvSpec) -> ToyEnv:
    return ToyEnv(EnvSpec(spec.env, spec.task, size=spec.size + 1))


def test_an_image_larger_than_declared_is_refused():
    with pool(1, 1, large) as slots, pytest.raises(PraxiaError, match=r"'front' gave an image of \(9, 9, 3\)"):
        run(slots, [job(0)])


def workers(pid: int) -> list[psutil.Process]:
    """The pool's processes, without the standard library's resource tracker."""
    return [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import time
import numpy as np
from toy_world import build, job
from praxia.rollout.pool import WorkerPool

if __name__ == "__main__":
    slots = WorkerPool(2, 1, build)
    for slot in range(2):
        one = job(slot)
        slots.begin(slot, one.spec, one.start, ("front",))
    seen = 0
    while seen < 2:
        seen += len(slots.ready())
    {then}
"""


def script(then: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(here=str(Path(__file__).parent), then=then)]


def test_no_worker_outlives_a_killed_parent():
    with subprocess.Popen(
        script("print('ready', flush=True); time.sleep(60)"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        children = workers(parent.pid)
        assert len(children) == 2
        # Images have gone through shared memory, and not through /dev/shm, which containers keep small.
        assert not [name for name in open_files(parent.pid) if name.startswith("/dev/shm/")]
        assert [name for name in open_files(parent.pid) if name.startswith("/memfd:praxia")]
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def open_files(pid: int) -> list[str]:
    return [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()]


def test_closing_leaks_nothing_and_workers_import_no_torch():
    then = """
    import psutil
    maps = [open(f"/proc/{child.pid}/maps").read() for child in psutil.Process().children()]
    assert len(maps) >= 2 and not any("torch" in text for text in maps)
    slots.close()
    """
    done = subprocess.run(script(then.strip()), capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
