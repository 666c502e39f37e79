import io
import threading
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFile
from upath import UPath

from praxia.cli.main import main
from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data import parquet
from praxia.data.dataset import Dataset
from praxia.data.parquet import count_rows, matrix, native, open_groups, table


@pytest.fixture
def threads(monkeypatch):
    """The threads that read from files which Python opened."""
    seen = set()

    def watched(kind):
        read = kind.read

        def noted(self, *size):
            seen.add(threading.current_thread())
            return read(self, *size)

        return noted

    class File(io.BufferedReader):
        pass

    opened = Path.open
    monkeypatch.setattr(File, "read", watched(io.BufferedReader))
    monkeypatch.setattr(MemoryFile, "read", watched(io.BytesIO))
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", *more, **options: (
            File(io.FileIO(path)) if mode == "rb" else opened(path, mode, *more, **options)
        ),
    )
    return seen


def read_all(root):
    dataset = Dataset(root)
    for feature in ("action", "observation.state", "timestamp"):
        assert len(dataset.column(feature)) == dataset.num_frames
    for camera in dataset.cameras:
        dataset.decode(camera, np.arange(dataset.num_frames))
    return [dataset.snapshots(episode) for episode in range(dataset.num_episodes)]


def expect_only_mine(threads):
    """A thread of Arrow's that holds a Python object when the interpreter ends aborts the process."""
    assert threads <= {threading.current_thread()}


@pytest.mark.parametrize("far", [False, True])
def test_no_thread_of_arrows_reads_a_file_of_pythons(recorded, foreign, threads, far, tmp_path):
    roots = {"ours": recorded, "pictures": tmp_path / "pictures", "old": tmp_path / "old"}
    foreign.write(roots["pictures"], codec=None)
    foreign.write(roots["old"], "v2.1", codec="h264")
    for name, root in roots.items():
        location: AnyPath = root
        if far:
            location = UPath(f"memory://{name}")
            location.fs.put(str(root), f"/{name}", recursive=True)
        threads.clear()
        read_all(location)
        expect_only_mine(threads)
        assert threads or not far


@pytest.mark.parametrize(
    "words",
    [
        ("data", "check", "ROOT"),
        ("data", "edit", "trim", "ROOT", "--out", "OUT"),
        ("data", "edit", "delete", "ROOT", "--episodes", "0", "--out", "OUT"),
        ("data", "edit", "rename", "ROOT", "--embodiment", "other", "--out", "OUT"),
    ],
)
def test_nor_does_any_verb_of_data(recorded, threads, tmp_path, words):
    there = {"ROOT": str(recorded), "OUT": str(tmp_path / "out")}
    with pytest.raises(SystemExit) as ended:
        main([there.get(word, word) for word in words])
    assert ended.value.code == 0
    expect_only_mine(threads)


def test_a_folder_that_looks_like_a_column_or_is_not_utf8_is_but_a_name(tmp_path):
    folder = Path(str(tmp_path) + "/robot=3 \udcff")
    folder.mkdir()
    (folder / "rows.parquet").write_bytes(b"")
    rows = pa.table({"index": np.arange(7)})
    with (folder / "rows.parquet").open("wb") as file:
        pq.write_table(rows, file, row_group_size=4)
    path = folder / "rows.parquet"
    assert pq.read_table(native(path)).equals(rows)
    assert count_rows(path) == 7
    assert open_groups(path).read_row_group(1, use_threads=False)["index"].to_pylist() == [4, 5, 6]


def test_chunks_of_a_column_are_read_one_by_one():
    """Together they may have more numbers than the offsets of one list can count."""
    values = np.arange(5 * 2 * 3, dtype=np.uint16).reshape(5, 2, 3)
    whole, first, last = (table({"depth": part})["depth"] for part in (values, values[:2], values[2:]))
    chunked = pa.chunked_array([*first.chunks, *last.chunks])
    np.testing.assert_array_equal(matrix(whole), values.reshape(5, 6))

    uncombined = MagicMock(spec=pa.ChunkedArray, num_chunks=2, chunks=chunked.chunks)
    uncombined.combine_chunks.side_effect = pa.ArrowInvalid("offset overflow while concatenating arrays")
    uncombined.__len__.return_value = len(chunked)
    np.testing.assert_array_equal(matrix(uncombined), values.reshape(5, 6))


def test_more_numbers_than_a_list_counts_are_refused(monkeypatch):
    monkeypatch.setattr(parquet, "MAX_VALUES", 5)
    with pytest.raises(DataError, match=r"at most 5 numbers of depth in an episode, got 6 in 1 frames; record shorter"):
        table({"depth": np.zeros((1, 2, 3), np.uint16)})
