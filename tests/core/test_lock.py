"""A lock belongs to its process: held while that lives, free after its death, whatever its number."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from praxia.core.errors import PraxiaError
from praxia.core.lock import Lock

HOLDING = """
import sys
from pathlib import Path
from pathlib import Path
from praxia.core.lock import Lock
with Lock(Path(sys.argv[1]), Path("target")):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock `tmp_path/lock`."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def lock_in(folder, **options):
    return Lock(folder / "lock", folder / "target", **options)


def test_the_second_process_is_refused_with_the_name_of_the_first(tmp_path, holder):
    with pytest.raises(PraxiaError, match=rf"target is being written by process {holder.pid} on \S+: wait until"):
        lock_in(tmp_path).acquire()
    assert not lock_in(tmp_path).try_acquire()


def test_the_lock_of_a_killed_process_is_free_even_if_its_number_is_reused(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": "container", "process": os.getpid()}))  # as in another container
    with lock_in(tmp_path):
        assert json.loads(path.read_text())["process"] == os.getpid()
    assert not path.exists()


def test_one_that_ends_leaves_no_file(tmp_path, holder):
    holder.communicate(b"")
    assert not list(tmp_path.iterdir())


def test_a_waiting_process_gets_the_lock_when_the_first_has_ended(tmp_path, holder):
    command = HOLDING.replace("target", "other").replace('Path("other")', 'Path("other"), wait=True')
    waiting = [sys.executable, "-c", command, str(tmp_path / "lock")]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        holder.communicate(b"")
        other.stdout.readline()
        assert not lock_in(tmp_path).try_acquire()
        other.communicate(b"")
    assert not list(tmp_path.iterdir())


def test_a_lock_is_not_taken_twice_unless_it_is_shared(tmp_path):
    with lock_in(tmp_path) as lock:
        lock.acquire()  # this process has it already
        assert not lock_in(tmp_path).try_acquire()
    with lock_in(tmp_path, shared=True):
        with lock_in(tmp_path, shared=True):
            pass
        assert not lock_in(tmp_path).try_acquire(), "the first still has it"
    assert lock_in(tmp_path).try_acquire()


def test_a_disk_without_locks_is_reported_once_and_no_process_is_refused(tmp_path, monkeypatch, caplog):
    def flock(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock_in(tmp_path), lock_in(tmp_path):
        pass
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path} is on a disk without file locks: make sure that no other process writes there"
    ]


@pytest.mark.parametrize("location", ["file/lock", "file/folder/lock"])
def test_a_location_that_cannot_be_written_is_one_line(tmp_path, location):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        PraxiaError, match=r"target cannot be written: (File exists|Not a directory) \(.*/file.*\); choose"
    ):
        Lock(tmp_path / location, tmp_path / "target").acquire()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_disk_that_is_read_only_is_one_line(tmp_path, monkeypatch, number):
    def refuse(path, *options):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PraxiaError, match=r"target cannot be written: .*lock\); choose another path"):
        lock_in(tmp_path).acquire()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_folder_in_which_no_file_can_ever_be_is_one_line():
    with pytest.raises(PraxiaError, match=r"target cannot be written: No such file or directory .*; choose another"):
        Lock(Path("/proc/lock"), Path("/proc/target")).acquire()
