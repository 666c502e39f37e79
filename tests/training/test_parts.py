"""A state that several processes write: parts become one, in any order, and are read row by row."""

import errno
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from praxia.core.errors import TrainingError
from praxia.training import parts
from praxia.training.parts import Part, collect, open_parts, remove_parts, report_failure, save_files, write_part

WEIGHT = torch.arange(21.0).view(7, 3)


def part_of(number, count):
    """What process `number` has: its rows as torch.chunk cuts them, and the first what is not cut."""
    rows = torch.chunk(WEIGHT, count)
    weight = rows[number] if number < len(rows) else WEIGHT[:0]
    whole = {"count": torch.tensor(3), "vector": torch.ones(2)} if number == 0 else {}
    return {"model": {"weight": weight.contiguous(), **whole}, "optimizer": {"0.exp_avg": weight.neg()}}


@pytest.fixture(params=[1, 2, 3, 5, 8])
def saved(request, tmp_path):
    count, beside, stage = request.param, tmp_path / ".00000003.parts", tmp_path / "stage"
    stage.mkdir()
    if count == 1:
        save_files(stage, part_of(0, 1), Part())
        return stage, 1
    writers = [
        threading.Thread(target=write_part, args=(beside, part_of(number, count), Part(number, count)))
        for number in reversed(range(count))
    ]
    for one in writers:
        one.start()
    digests = collect(beside, stage, count)
    for one in writers:
        one.join(60)
    assert not beside.exists()
    assert set(digests) == {path.name for path in stage.iterdir()}
    return stage, count


def test_parts_are_files_of_their_names_that_are_read_as_one(saved):
    stage, count = saved
    names = (
        {"model.safetensors"}
        if count == 1
        else {f"model-{k:05d}-of-{count:05d}.safetensors" for k in range(1, count + 1)}
    )
    assert {path.name for path in stage.glob("model*")} == names
    model = open_parts(stage, "model")
    assert set(model) == {"weight", "count", "vector"}
    assert model["weight"].shape == (7, 3)
    assert torch.equal(model["weight"][...], WEIGHT)
    assert model["count"].shape == ()
    assert int(model["count"][...]) == 3
    assert torch.equal(open_parts(stage, "optimizer")["0.exp_avg"][...], -WEIGHT)
    assert torch.equal(torch.cat([load_file(path)["weight"] for path in sorted(stage.glob("model*"))]), WEIGHT)


def test_any_rows_are_read(saved):
    weight = open_parts(saved[0], "model")["weight"]
    for first in range(8):
        for last in range(first, 8):
            assert torch.equal(weight[first:last], WEIGHT[first:last]), (first, last)


def test_a_name_that_begins_as_another_is_a_file_of_its_own(tmp_path):
    for name in ("optimizer", "optimizer-actor"):
        save_files(tmp_path, {name: {name: torch.ones(1)}}, Part(0, 2))
    assert set(open_parts(tmp_path, "optimizer")) == {"optimizer"}


def test_a_part_that_could_not_be_written_is_one_line(tmp_path):
    beside = tmp_path / ".00000003.parts"
    write_part(beside, part_of(0, 2), Part(0, 2))
    report_failure(beside, Part(1, 2), OSError("no space left"))
    (tmp_path / "stage").mkdir()
    with pytest.raises(TrainingError, match="process 1 could not write its part of a state: no space left"):
        collect(beside, tmp_path / "stage", 2)
    remove_parts(tmp_path)
    assert not beside.exists()


def test_a_full_disk_without_room_for_a_report_ends_the_wait_at_once(tmp_path, monkeypatch):
    beside = tmp_path / ".00000003.parts"
    write_part(beside, part_of(0, 2), Part(0, 2))

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parts, "save_file", full)
    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(parts, "PATIENCE_S", 0.0)
    with pytest.raises(OSError, match="No space left"):
        write_part(beside, part_of(1, 2), Part(1, 2))
    report_failure(beside, Part(1, 2), OSError("no space left"))
    (tmp_path / "stage").mkdir()
    with pytest.raises(TrainingError, match="process 1 could not write its part of a state: its disk is full, or"):
        collect(beside, tmp_path / "stage", 2)


def test_a_process_that_has_reported_touches_nothing_any_more(tmp_path, monkeypatch):
    """The first process removes the folder as soon as it has all reports."""
    beside, rename = tmp_path / ".00000003.parts", Path.rename

    def renamed_and_collected(self, target):
        rename(self, target)
        if self.suffix == ".begun":
            collect(beside, tmp_path / "stage", 1)

    monkeypatch.setattr(Path, "rename", renamed_and_collected)
    (tmp_path / "stage").mkdir()
    write_part(beside, part_of(0, 2), Part(0, 2))
    assert not beside.exists()


def test_a_part_that_never_comes_ends_the_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PATIENCE_S", 0.0)
    write_part(tmp_path / "beside", part_of(0, 2), Part(0, 2))
    (tmp_path / "stage").mkdir()
    with pytest.raises(TrainingError, match=r"process 1 has not written .*1\.json in half an hour"):
        collect(tmp_path / "beside", tmp_path / "stage", 2)
