"""The cores there are, and worker processes that never outlive their parent and never fight over cores."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from praxia.core.errors import PraxiaError

__all__ = ["Worker", "available_cores", "limit_threads", "run_in_subprocess"]

Value = TypeVar("Value")

_context = multiprocessing.get_context("spawn")

# One process a core is the plan: numerical libraries and the software renderer must not start threads of their own.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "0",
}


def available_cores(system: Path = Path("/")) -> int:
    """How many processes of ours can compute at once, at least 1; `system` is where /proc and /sys are.

    Fewer than the machine has cores where this process is bound to some of them, or where its container has a quota of
    computing time (cgroups, v1 and v2): a part of a core then counts as one.
    """
    return max(1, min([_bound_cores(), *map(math.ceil, _quotas(system))]))


def limit_threads() -> None:
    """Let libraries that know of no quota (OpenMP's, so torch; Arrow; BLAS) start no more threads than have a core.

    For before they are imported. What the user has set stays.
    """
    cores = available_cores()
    if cores < _bound_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def _bound_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas(system: Path) -> Iterator[float]:
    """The cores whose time the control groups of this process grant it: its own group, and those around that."""
    for line in _text(system / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # v2 has one tree, v1 one for some controllers; inside a container the group's own folder is not to be seen.
        group = system / "sys/fs/cgroup" / controllers / path.lstrip("/")
        for folder in (group, *group.parents):
            quota, _, period = _text(folder / "cpu.max").partition(" ")
            quota = quota or _text(folder / "cpu.cfs_quota_us")
            period = period or _text(folder / "cpu.cfs_period_us")
            if quota.strip() not in ("", "max", "-1"):
                yield int(quota) / int(period)


def _text(path: Path) -> str:
    """What a file of the system says; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


class Worker:
    """A spawned process that runs `target(connection, *arguments)`, and this side of its pipe.

    When this process dies, however it dies, the worker ends too: it reads the end of its pipe, and a thread of its
    watches the parent besides, for the case that the worker is busy.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any):
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(target=_run, args=(target, theirs, *arguments), daemon=True)
        with _environment(), _deaf():
            self.process.start()
        # With our copy of its end closed, a dead worker reads as the end of the pipe.
        theirs.close()

    @property
    def exit_description(self) -> str:
        """How a dead worker ended, in a few words."""
        self.process.join()
        code = self.process.exitcode
        return f"worker process died ({f'signal {-code}' if code is not None and code < 0 else f'exit code {code}'})"

    def close(self) -> None:
        """End the process now and wait for its end."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.process.close()


def run_in_subprocess(function: Callable[[], Value]) -> Value:
    """What the picklable `function` returns in a process of its own: for what must not share one with CUDA.

    Raises:
        PraxiaError: the function did.
    """
    worker = Worker(_answer, function)
    try:
        refusal, value = worker.connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise RuntimeError(worker.exit_description) from error
    finally:
        worker.close()
    if refusal is not None:
        raise PraxiaError(refusal)
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
        # The parent has gone: nobody needs a traceback.
        return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun here never hear Ctrl-C: the terminal tells all, but it is their parent's to end them."""
    resource_tracker.ensure_running()  # or the first process to begin would start it, and unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment() -> Iterator[None]:
    """What a spawned interpreter must find before it imports its first library."""
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
