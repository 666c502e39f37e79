import json
import platform
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from praxia.results.fingerprint import code, machine, versions


def test_versions_are_those_installed():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__


def test_no_library_is_imported_to_know_its_version():
    heavy = "import sys; from praxia.results.fingerprint import versions; versions(); "
    done = subprocess.run([sys.executable, "-c", heavy + "assert 'torch' not in sys.modules"], timeout=240)
    assert done.returncode == 0


def test_any_change_of_the_source_changes_its_hash(tmp_path: Path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("x = 1\n")
    first = code(tmp_path)
    assert (first["revision"], first["dirty"]) == (None, None)
    assert code(tmp_path) == first
    (tmp_path / "room" / "a.py").write_text("x = 2\n")
    changed = code(tmp_path)
    (tmp_path / "room" / "a.py").rename(tmp_path / "room" / "b.py")
    assert len({entry["source_sha256"] for entry in (first, changed, code(tmp_path))}) == 3


def test_a_revision_is_named_where_git_tracks_the_source(tmp_path: Path):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "__init__.py").write_text("")
    git("add", ".")
    git("commit", "-qm", "one")
    found = code(tmp_path)
    assert (found["revision"], found["dirty"]) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "__init__.py").write_text("x = 1\n")
    assert code(tmp_path)["dirty"] is True


def test_the_fingerprint_has_no_host_name_and_no_path():
    text = json.dumps([versions(), code(), machine()])
    assert socket.gethostname() not in text
    assert str(Path(__file__).parent) not in text
    assert "/" not in machine()["system"]
