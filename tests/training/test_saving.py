"""Training continues while a state is written; errors of the writer are raised; a full disk is one line."""

import errno
import threading
import time
from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest
import torch
from lightning.fabric import Fabric
from safetensors import SafetensorError

from praxia.core.errors import TrainingError
from praxia.training.saving import Saver, disk_full, save_due


@dataclass
class Clock:
    """Time that passes only where a test says so."""

    now_s: float = 100.0

    def __call__(self):
        return self.now_s


@dataclass
class Slow:
    """A state whose writing takes until it is let go, and whose copying takes `copy_s`."""

    copy_s: float = 0.0
    clock: Clock = field(default_factory=Clock)
    fault: Exception | None = None
    go: threading.Event = field(default_factory=threading.Event)
    written: list[tuple[int, int]] = field(default_factory=list)
    value: int = 0

    def copied(self):
        self.clock.now_s += self.copy_s
        return {"model": {"value": torch.tensor(self.value)}}

    def write(self, step, copied):
        assert self.go.wait(60)
        if self.fault is not None:
            raise self.fault
        self.written.append((step, int(copied["model"]["value"])))


def test_a_state_is_written_beside_as_it_was_and_no_other_is_due_meanwhile():
    state = Slow(value=1)
    with Saver(state, 0.0) as saver:
        assert saver.due()
        saver.save(5)
        state.value = 2  # a later step
        assert not state.written
        assert not saver.due()
        state.go.set()
        saver.wait()
        saver.save(9)
    assert state.written == [(5, 1), (9, 2)]


def test_copying_takes_a_fiftieth_of_the_time_at_most():
    clock = Clock()
    state = Slow(copy_s=0.5, clock=clock)
    state.go.set()
    with Saver(state, 0.0, clock) as saver:
        saver.save(1)
        saver.wait()
        clock.now_s += 24.75
        assert not saver.due()
        clock.now_s += 0.5
        assert saver.due()


def test_one_slow_copy_does_not_make_all_later_ones_seldom():
    clock = Clock()
    state = Slow(copy_s=0.5, clock=clock)
    state.go.set()
    with Saver(state, 0.0, clock) as saver:
        saver.save(1)
        state.copy_s = 0.125
        saver.save(2)
        saver.wait()
        clock.now_s += 6.5
        assert saver.due()


@pytest.mark.parametrize("next_call", ["due", "save", "end"])
def test_what_the_writer_raised_comes_up_at_the_next_call(next_call):
    state = Slow(fault=OSError(errno.EIO, "broken"))
    state.go.set()

    def use():
        with Saver(state, 0.0) as saver:
            saver.save(1)
            while next_call == "due":
                saver.due()
            if next_call == "save":
                saver.save(2)

    with pytest.raises(OSError, match="broken"):
        use()


def test_processes_after_the_first_raise_what_their_own_writer_did():
    state = Slow(fault=OSError(errno.ENOSPC, "No space left on device"))
    other = Mock(spec=Fabric, is_global_zero=False)
    other.all_reduce.return_value = torch.tensor(0.0)

    def use():
        with Saver(state, 1e6) as saver:
            saver.save(1)
            assert not save_due(other, False, saver)
            state.go.set()
            for _ in range(10_000):
                assert not save_due(other, False, saver)
                time.sleep(0.001)
            raise AssertionError("nothing was raised")

    with pytest.raises(OSError, match="No space left"):
        use()


def test_what_is_being_written_is_finished_when_training_stops():
    state = Slow()

    def stop():
        with Saver(state, 0.0) as saver:
            saver.save(1)
            threading.Timer(0.05, state.go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert state.written == [(1, 0)]


def _logged(cause):
    """As Lightning's loggers raise what their writers did."""
    error = ValueError("you tried to log 1.0 which is currently not supported")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        _logged(OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_a_full_disk_is_one_line_with_what_was_kept(tmp_path, error):
    (tmp_path / "state" / "00000012").mkdir(parents=True)
    message = r"no space left .*kept: the states after steps 12\. .*--resume"
    with pytest.raises(TrainingError, match=message), disk_full(tmp_path):
        raise error


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(OSError, match="broken"), disk_full(tmp_path):
        raise OSError(errno.EIO, "broken")
