"""Saving a run's states while it trains: training pauses only while they are copied."""

import errno
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from lightning.fabric import Fabric
from safetensors import SafetensorError

from praxia.core.errors import TrainingError
from praxia.training.parts import Copied
from praxia.training.ranks import first_decides
from praxia.training.sharding import shards

__all__ = ["Saver", "State", "disk_full", "save_due"]

# The largest share of a run's time that copying its states takes.
SHARE = 0.02


@runtime_checkable
class State(Protocol):
    """What is saved, such as a `TrainState`."""

    def copied(self) -> Copied:
        """The state as it is now."""
        ...

    def write(self, step: int, copied: Copied) -> None:
        """Write a copy, in another thread than the one that trains."""
        ...


class Saver:
    """Copies a state in memory, and has a thread write the copy while training goes on.

    One is written at a time, and none is due before the last one is on the disk. Nor is one before `period_s` seconds
    have passed since the last, or fifty times as long as copying that took. What the thread raised is raised by the
    next call. Leaving the block waits for what is being written. `clock` gives the time in seconds.
    """

    def __init__(self, state: State, period_s: float, clock: Callable[[], float] = time.perf_counter):
        self._clock = clock
        self._state, self._period_s = state, period_s
        self._copy_s = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._writing: Future[None] | None = None
        self._last_s = clock()

    def due(self) -> bool:
        """Whether it is time for the next."""
        if self._writing is not None and not self._writing.done():
            return False
        self.wait()
        return self._clock() - self._last_s >= max(self._period_s, self._copy_s / SHARE)

    def save(self, step: int) -> None:
        """Copy the state after `step` steps, and have it written.

        Raises:
            TrainingError, OSError, SafetensorError: the last one could not be written.
        """
        self.wait()
        began_s = self._clock()
        copied = self._state.copied()
        self._last_s = self._clock()
        self._copy_s = self._last_s - began_s
        self._writing = self._thread.submit(self._state.write, step, copied)

    def wait(self) -> None:
        """Until what was saved is on the disk. Raises as `save`."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def __enter__(self) -> "Saver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if kind is None:
            self.wait()


def save_due(fabric: Fabric, last: bool, saver: Saver) -> bool:
    """Whether this process saves its state now: the first does, or all do, each its part, when it is time there.

    Raises:
        TrainingError, OSError, SafetensorError: this process could not write the last one.
    """
    due = saver.due() or last  # asked in every process, so that each raises what its own thread did
    return first_decides(fabric, due) if shards(fabric) else fabric.is_global_zero and due


@contextmanager
def disk_full(out: Path) -> Iterator[None]:
    """Turn a full disk (or quota) into a TrainingError that says what was kept and how to continue."""
    try:
        yield
    except Exception as error:
        if not _was_full(error):
            raise
        saved = sorted(int(path.name) for path in (out / "state").glob("[0-9]*") if path.name.isdigit())
        kept = f"the states after steps {', '.join(map(str, saved))}" if saved else "no state, for none was saved yet"
        raise TrainingError(
            f"no space left on the disk of {out} while training; kept: {kept}. "
            "Free some space and run the same command again with --resume"
        ) from error


def _was_full(error: BaseException | None) -> bool:
    """Whether a full disk caused it: loggers raise their own error from it, safetensors names it in its text."""
    if error is None:
        return False
    match = re.search(r"os error (\d+)", str(error)) if isinstance(error, SafetensorError) else None
    number = int(match[1]) if match else getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or _was_full(error.__cause__ or error.__context__)
