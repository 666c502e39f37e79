"""The number of available cores, and worker processes that end with their parent and use one core each."""

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from praxia.core.errors import PraxiaError

__all__ = ["Worker", "available_cores", "control_groups", "limit_threads", "run_in_subprocess", "system_text"]

Value = TypeVar("Value")

_context = multiprocessing.get_context("spawn")

# One process per core: numerical libraries and the software renderer must not start threads of their own.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "0",
}


def available_cores(system: Path = Path("/")) -> int:
    """The number of cores that this process may use, at least 1; `system` is where /proc and /sys are.

    It is smaller than the machine's where the process is bound to some cores, or where its container has a CPU quota
    (cgroups, v1 and v2): a fraction of a core then counts as one.
    """
    return max(1, min([_bound_cores(), *map(math.ceil, _quotas(system))]))


def limit_threads() -> None:
    """Limit the threads of libraries that ignore CPU quotas (OpenMP, and with it torch; Arrow; BLAS) to the cores.

    Call it before they are imported. A limit that the user has set stays.
    """
    cores = available_cores()
    if cores < _bound_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def _bound_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def control_groups(controller: str, system: Path = Path("/")) -> Iterator[Path]:
    """The folders of this process's control group and of the groups that contain it, v1 and v2, for a `controller`.

    Some of them may not exist.
    """
    for line in system_text(system / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # v2 has one tree, v1 one per set of controllers; inside a container the group's own folder may be invisible.
        group = system / "sys/fs/cgroup" / controllers / path.lstrip("/")
        yield from (group, *group.parents)


def system_text(path: Path) -> str:
    """The content of a system file; empty if it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _quotas(system: Path) -> Iterator[float]:
    """The CPU quotas, in cores, of this process's control group and of the groups that contain it."""
    for folder in control_groups("cpu", system):
        quota, _, period = system_text(folder / "cpu.max").partition(" ")
        quota = quota or system_text(folder / "cpu.cfs_quota_us")
        period = period or system_text(folder / "cpu.cfs_period_us")
        if quota.strip() not in ("", "max", "-1"):
            yield int(quota) / int(period)


class Worker:
    """A spawned process that runs `target(connection, *arguments)`, and this side of its pipe.

    When this process dies, however it dies, the worker ends too: its pipe is closed, and a thread in it watches the
    parent for the case that the worker is busy.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any):
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(target=_run, args=(target, theirs, *arguments), daemon=True)
        with _environment(), _interrupts_blocked():
            try:
                with _main_hidden():
                    self.process.start()
            except (AttributeError, pickle.PicklingError):  # an argument is defined in the script itself
                self.process.start()
        # With our copy of the worker's end closed, its death is the end of the pipe.
        theirs.close()

    @property
    def exit_description(self) -> str:
        """How a dead worker ended, for messages."""
        self.process.join()
        code = self.process.exitcode
        return f"worker process died ({f'signal {-code}' if code is not None and code < 0 else f'exit code {code}'})"

    def close(self) -> None:
        """Kill the process and wait until it has ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.process.close()


def run_in_subprocess(function: Callable[[], Value]) -> Value:
    """The result of the picklable `function` in a separate process: for code that must not share one with CUDA.

    Raises:
        PraxiaError: the function raised it.
    """
    worker = Worker(_answer, function)
    try:
        message, value = worker.connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise RuntimeError(worker.exit_description) from error
    finally:
        worker.close()
    if message is not None:
        raise PraxiaError(message)
    return value


def _answer(connection: Connection, function: Callable[[], Any]) -> None:
    try:
        connection.send((None, function()))
    except PraxiaError as error:
        connection.send((str(error), None))


def _run(target: Callable[..., None], connection: Connection, *arguments: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        target(connection, *arguments)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent has ended, so a traceback has no reader.
        return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Processes started here do not import the script that runs: without `if __name__ == "__main__"` they would run it.

    Nothing that it defines can be pickled here.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which the terminal sends to all of them: their parent ends them."""
    resource_tracker.ensure_running()  # else the first process would start it, which unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment() -> Iterator[None]:
    """The environment variables that must be set before a spawned interpreter imports its first library."""
    wanted = {**_ENVIRONMENT, "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
