import pytest

from praxia.core.errors import DataError, RecordingError
from praxia.datatools.record.journal import HEADER, Journal

RECORDS = [b"first", b"", b"third record", b"last"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path)
    for number, record in enumerate(RECORDS):
        assert journal.append(record[:2], record[2:]) == number
    journal.close()
    return path


def read(path):
    journal = Journal(path)
    records = [journal.read(number) for number in range(len(journal))]
    journal.close()
    return records


def test_appended_records_are_read_back(path):
    assert read(path) == RECORDS


def test_a_torn_tail_is_cut_off(path):
    content = path.read_bytes()
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        kept = read(path)
        ends = [sum(HEADER.size + len(record) for record in RECORDS[:number]) for number in range(len(RECORDS) + 1)]
        assert kept == RECORDS[: sum(end <= cut for end in ends[1:])]
        assert path.stat().st_size == ends[len(kept)]


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 30])
def test_garbage_behind_the_end_is_not_a_record(path, tail):
    path.write_bytes(path.read_bytes() + tail)
    journal = Journal(path)
    journal.append(b"goes on")
    journal.close()
    assert read(path) == [*RECORDS, b"goes on"]


def test_a_flipped_bit_anywhere_ends_the_journal_before_it(path):
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        kept = read(path)
        assert len(kept) < len(RECORDS)
        assert kept == RECORDS[: len(kept)]


def test_a_record_altered_while_open_is_refused(path):
    journal = Journal(path)
    path.write_bytes(path.read_bytes().replace(b"third", b"tired"))
    with pytest.raises(DataError, match=r"record 2 of .* was altered"):
        journal.read(2)
    assert journal.read(3) == b"last"
    journal.close()


def test_one_writer_at_a_time(path):
    journal = Journal(path)
    with pytest.raises(RecordingError, match="is being written"):
        Journal(path)
    journal.close()
