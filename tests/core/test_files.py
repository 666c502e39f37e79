import errno
import os

import pytest

from praxia.core.files import sha256_file, staged_folder, whole_lines, write_whole


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "value.json"
    write_whole(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
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
    assert whole_lines(path) == ["one\n", "two\n"]
