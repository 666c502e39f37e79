import errno
import os
import signal
import subprocess
import sys

import pytest

from praxia.core.errors import PraxiaError
from praxia.core.files import (
    complete_lines,
    expand_home,
    remove_leftovers,
    sha256_file,
    split_paths,
    staged_folder,
    write_atomic,
)


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "value.json"
    write_atomic(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_completely_or_not_at_all(tmp_path):
    target = tmp_path / "state"
    with staged_folder(target) as stage:
        (stage / "a").write_text("1")

    def fail():
        with staged_folder(target) as stage:
            (stage / "b").write_text("2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [target]


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_torn_last_line_is_none(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthr")
    assert complete_lines(path) == ["one\n", "two\n"]


KILLED = """
import os, signal, sys
from pathlib import Path
from praxia.core.files import staged_folder
with staged_folder(Path(sys.argv[1])) as stage:
    (stage / "new").write_text("2")
    if sys.argv[2] == "between":
        Path.rename, rename = lambda path, to: (rename(path, to), os.kill(os.getpid(), signal.SIGKILL)), Path.rename
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("killed_at", ["within", "between"])
def test_leftovers_of_a_killed_writer_are_cleaned_up_by_the_next(tmp_path, killed_at, caplog):
    target = tmp_path / "state"
    with staged_folder(target) as stage:
        (stage / "old").write_text("1")
    assert subprocess.run([sys.executable, "-c", KILLED, str(target), killed_at]).returncode == -signal.SIGKILL
    assert (tmp_path / ".state.partial").is_dir()
    assert target.exists() == (killed_at == "within"), "between the two renames it is away"
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert (target / "old").read_text() == "1", "what was to be replaced is there again"
    back = "state was restored, " if killed_at == "between" else ""
    assert caplog.messages == [f"{tmp_path}: a writer was killed here; {back}.state.partial was removed"]


def test_a_process_number_that_comes_again_is_no_hindrance(tmp_path):
    """In containers every process may be number 1."""
    for name in (f".state.{os.getpid()}.partial", ".state.partial"):
        (tmp_path / name).mkdir()
    with staged_folder(tmp_path / "state") as stage:
        (stage / "new").write_text("2")
    write_atomic(tmp_path / "state" / "value", "3")
    remove_leftovers(tmp_path, "state")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_files_of_a_running_writer_are_left_alone(tmp_path, caplog):
    with staged_folder(tmp_path / "state") as stage:
        remove_leftovers(tmp_path)
        assert stage.is_dir()
        with pytest.raises(PraxiaError, match=rf"state is being written by process {os.getpid()}"):
            staged_folder(tmp_path / "state").__enter__()
    assert not caplog.messages


def test_processes_that_write_one_file_take_turns(tmp_path):
    script = "import sys\nfrom pathlib import Path\nfrom praxia.core.files import write_atomic\n"
    script += "for n in range(100): write_atomic(Path(sys.argv[1]), sys.argv[2] * 1000)"
    path = tmp_path / "value"
    both = [subprocess.Popen([sys.executable, "-c", script, str(path), letter]) for letter in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    assert path.read_text() in ("a" * 1000, "b" * 1000)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("a,b", "c", "d,e,f", "d"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a,b", ["a,b"]),
        ("a,b,c", ["a,b", "c"]),
        ("c,a,b", ["c", "a,b"]),
        ("d,e,f", ["d,e,f"]),
        ("d,e,f,d", ["d,e,f", "d"]),
        ("d,c", ["d", "c"]),
        ("x,y", ["x", "y"]),
        ("~/a,b,~/c", ["~/a,b", "~/c"]),
        ("s3://x,y", ["s3://x", "y"]),
        ("c,", ["c", ""]),
        ("", [""]),
    ],
)
def test_an_existing_path_counts_as_one_even_with_commas(folder, text, paths):
    assert split_paths(text) == paths


def test_a_tilde_is_the_home_folder_unless_a_path_has_that_name(folder):
    assert expand_home("~/c") == str(folder / "c")
    assert expand_home("c~") == "c~"
    (folder / "~").mkdir()
    assert expand_home("~") == "~"
