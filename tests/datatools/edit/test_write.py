"""A new data set is complete or absent, and its source unchanged."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from praxia.core.errors import DataError, PraxiaError, RecordingError
from praxia.core.files import sha256_file
from praxia.data.dataset import Dataset
from praxia.data.manifest import Manifest
from praxia.datatools.edit import write
from praxia.datatools.edit.operations import delete, split

SCRIPT = Path(__file__).parents[2] / "killed.py"


def files(root):
    found = {path: sha256_file(path) for path in Path(root).rglob("*") if path.is_file()}
    return {path.relative_to(root).as_posix(): digest for path, digest in found.items()}


@pytest.mark.parametrize("fsync", [1, 12])
def test_a_kill_leaves_no_partial_data_set(tmp_path, recorded, fsync):
    before, out = files(recorded), tmp_path / "out"
    command = [sys.executable, str(SCRIPT), "delete", str(recorded), str(fsync), str(out)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert not out.exists()
    assert list(tmp_path.glob(".out.partial")), "killed while writing"
    delete(recorded, "1", out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "what the kill left is gone"
    Dataset(out).verify()
    assert files(recorded) == before


def test_parts_of_a_split_appear_together(tmp_path, recorded, monkeypatch):
    made = []

    def statistics(*arguments):
        if made:
            raise OSError(errno.ENOSPC, "no space left")
        made.append(arguments)
        return found(*arguments)

    found = write.new_statistics
    monkeypatch.setattr(write, "new_statistics", statistics)
    with pytest.raises(RecordingError, match=r"no space left on the disk of .*/a; nothing was written there"):
        split(recorded, [tmp_path / "a", tmp_path / "b"], fractions=[0.5, 0.5])
    assert made
    assert not list(tmp_path.iterdir())


def test_edits_are_deterministic(tmp_path, recorded):
    hashes = {delete(recorded, "3", tmp_path / name)["content_sha256"] for name in ("a", "b")}
    assert len(hashes) == 1


def test_an_altered_source(tmp_path, multi_file):
    """Rows are hashed before they are read; a video keeps its hash, so that reading it detects the change."""
    copy = tmp_path / "copy"
    split(multi_file, [copy], fractions=[1.0])
    video = max(copy.rglob("*.mp4"))
    data = max((copy / "data").rglob("*.parquet"))
    for path in (video, data):  # new files, for these may be the source's own
        altered = bytearray(path.read_bytes())
        altered[len(altered) // 2] ^= 1
        path.unlink()
        path.write_bytes(altered)
    with pytest.raises(DataError, match=rf"{data.name} was altered .*episodes"):
        delete(copy, "0", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    data.write_bytes(altered := bytearray(data.read_bytes()))
    altered[len(altered) // 2] ^= 1
    data.write_bytes(altered)
    delete(copy, "0", tmp_path / "out")
    with pytest.raises(DataError, match=r"mp4 was altered"):
        Dataset(tmp_path / "out").verify()
    assert Manifest.read(tmp_path / "out").files


def test_parts_of_a_split_are_never_nested(tmp_path, recorded):
    outs = [tmp_path / "a", tmp_path / "a/b"]
    with pytest.raises(PraxiaError, match=r"beside each other as --out, got .*/a/b within .*/a"):
        split(recorded, outs, fractions=(0.5, 0.5))
    assert not outs[0].exists()


WRITING = """
import sys
from pathlib import Path
from praxia.core.files import staged_folder
with staged_folder(Path(sys.argv[1])):
    print(flush=True)
    sys.stdin.read()
"""


def test_the_output_of_a_concurrent_edit_is_kept(tmp_path, recorded):
    """Process ids do not matter: leftovers are folders that no process is writing."""
    left = [tmp_path / f".out.{os.getpid()}.partial", tmp_path / f".out.{os.getppid()}.partial"]
    for folder in left:
        folder.mkdir()
    writing = [sys.executable, "-c", WRITING, str(tmp_path / "out")]
    with subprocess.Popen(writing, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(PraxiaError, match=rf"out is being written by process {other.pid} on .*: wait until"):
            delete(recorded, "0", tmp_path / "out")
        assert (tmp_path / ".out.partial").is_dir()
        assert not any(folder.exists() for folder in left)
        other.kill()
    assert (tmp_path / ".out.partial").is_dir()
    delete(recorded, "0", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_data_set_made_meanwhile_is_kept(tmp_path, recorded, monkeypatch):
    out = tmp_path / "out"

    def statistics(*arguments):
        out.mkdir()
        return found(*arguments)

    found = write.new_statistics
    monkeypatch.setattr(write, "new_statistics", statistics)
    with pytest.raises(PraxiaError, match=r"got .*/out, which already exists"):
        delete(recorded, "0", out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_output_inside_the_source_is_refused(tmp_path, recorded, dry_run):
    (tmp_path / "link").symlink_to(recorded)
    for out in (recorded / "new", tmp_path / "link/meta/new"):
        with pytest.raises(PraxiaError, match=r"expected --out outside of the data set that is edited, got .*/new in "):
            delete(recorded, "0", out, dry_run=dry_run)
        assert not out.exists()
