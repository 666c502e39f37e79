import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from praxia.core.errors import DataError
from praxia.results.rows import Row, RowWriter, actions_digest, read_rows, recover_rows, write_rows

ROW = Row("toy/fast", "walk", "abcd", "f00d", None, "success", 7, 7, 1.0, "beef", None, 0.25, path_length=1.5, jerk=0.1)
CRASH = Row("toy/fast", "run", "dcba", "f00d", "swapped-image", "error", 3, None, 0.5, "fade", "OSError: gone", 0.5)


def written(path: Path) -> Path:
    writer = RowWriter(path)
    for row in (ROW, CRASH):
        writer.append(row)
    writer.close()
    return path


def test_rows_come_back_and_each_is_one_json_object(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl")
    assert read_rows(path) == [ROW, CRASH]
    first = json.loads(path.read_text().splitlines()[0])
    identifying = ["benchmark", "task", "start", "policy_sha256", "control"]
    found = ["status", "steps", "success_step", "progress", "path_length", "jerk", "actions_sha256", "error", "wall_s"]
    assert list(first) == ["schema", *identifying, *found]


def test_rows_are_readable_while_the_writer_is_open(tmp_path: Path):
    writer = RowWriter(tmp_path / "rows.jsonl")
    writer.append(ROW)
    assert read_rows(tmp_path / "rows.jsonl") == [ROW]
    writer.close()


@pytest.mark.parametrize("torn", [1, 40, len(CRASH.line()) - 1])
def test_a_torn_last_line_is_refused_and_can_be_cut(tmp_path: Path, torn: int):
    path = written(tmp_path / "rows.jsonl")
    path.write_bytes(ROW.line() + CRASH.line()[:torn])
    with pytest.raises(DataError, match="--resume"):
        read_rows(path)
    assert recover_rows(path) == [ROW]
    assert path.read_bytes() == ROW.line()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 2 is not a JSON object"),
        ('{"schema": "praxia.row.v2"}', r"line 2 has schema 'praxia.row.v2', expected 'praxia.row.v4'.*praxia eval"),
        ('{"schema": "praxia.row.v3", "mood": 1}', "unknown .'mood'"),
        (ROW.line().decode().strip().replace('"success"', '"won"', 1), "status 'won'"),
    ],
)
def test_what_is_no_row_is_named_by_its_line(tmp_path: Path, line: str, message: str):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.line() + line.encode() + b"\n")
    with pytest.raises(DataError, match=message):
        read_rows(path)


def test_two_rows_of_one_start_are_refused(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl")
    path.write_bytes(path.read_bytes() + ROW.line())
    with pytest.raises(DataError, match="lines 1 and 3 have the same start, abcd"):
        read_rows(path)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="praxia eval"):
        read_rows(tmp_path / "none.jsonl")


def test_a_file_is_replaced_atomically(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl")
    write_rows(path, [CRASH, ROW])
    assert read_rows(path) == [CRASH, ROW]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_the_digest_is_over_little_endian_float32():
    actions = np.array([[0.5, -1.0], [0.25, 2.0]], np.float32)
    expected = hashlib.sha256(struct.pack("<4f", 0.5, -1.0, 0.25, 2.0)).hexdigest()
    assert actions_digest(actions) == expected
    assert actions_digest(np.asfortranarray(actions)) == expected


def test_repeats_are_rows_of_their_own_which_statistics_by_start_refuse(tmp_path: Path):
    again = replace(ROW, repeat=1, actions_sha256="b00f")
    write_rows(tmp_path / "rows.jsonl", [ROW, again])
    lines = (tmp_path / "rows.jsonl").read_bytes().splitlines(keepends=True)
    assert lines[0] == written(tmp_path / "before.jsonl").read_bytes().splitlines(keepends=True)[0]
    assert json.loads(lines[1])["repeat"] == 1
    assert read_rows(tmp_path / "rows.jsonl", repeats=True) == recover_rows(tmp_path / "rows.jsonl") == [ROW, again]
    with pytest.raises(DataError, match=r"rows.jsonl holds several episodes from one start \(abcd\).*repeats=1"):
        read_rows(tmp_path / "rows.jsonl")
    write_rows(tmp_path / "rows.jsonl", [ROW, again, again])
    with pytest.raises(DataError, match="lines 2 and 3 have repeat 1 of the same start"):
        read_rows(tmp_path / "rows.jsonl", repeats=True)
