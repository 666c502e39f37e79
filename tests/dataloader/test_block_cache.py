import subprocess
import sys

import numpy as np
import pytest

from praxia.dataloader import block_cache
from praxia.dataloader.block_cache import BLOCK, BlockCache
from praxia.dataloader.cache_folder import ROW

SHAPE = (3 * BLOCK, 8, 8, 3)
ENDS = np.array([BLOCK, 2 * BLOCK, 3 * BLOCK])
SIZE = BLOCK * 8 * 8 * 3


@pytest.fixture
def opened(tmp_path):
    """A cache for one block, as a run that began at the given second opens it."""

    def do(since_s):
        found = BlockCache(tmp_path / "cache/set/front/frames.rgb", SHAPE, ENDS, SIZE)
        found._since_s = since_s
        return found

    return do


def images(block):
    return np.full((BLOCK, 8, 8, 3), block + 1, np.uint8)


def test_a_block_that_is_evicted_while_it_is_written_is_not_cached(opened, monkeypatch):
    monkeypatch.setattr(block_cache.time, "time", lambda: 1000)
    reader, writer, later, latest = opened(1000), opened(1001), opened(1002), opened(1003)
    into = np.empty((1, 8, 8, 3), np.uint8)
    writer.put(0, images(0))
    assert reader.read(np.array([0]), into).all()
    later.put(1, images(1))
    write = block_cache.write

    def interrupted(*arguments):
        write(*arguments)
        monkeypatch.setattr(block_cache, "write", write)
        latest.put(2, images(2))

    monkeypatch.setattr(block_cache, "write", interrupted)
    writer.put(0, images(0))
    assert not reader.read(np.array([0]), into).any()
    assert reader.read(np.array([2 * BLOCK]), into).all()
    assert (into == 3).all()
    assert reader.held_bytes == SIZE


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from praxia.dataloader.block_cache import BlockCache
many = 200_000  # blocks, whose table is larger than a file may be here
cache = BlockCache(Path(sys.argv[1]) / "cache/set/front/frames.rgb", (many, 1, 1, 3), np.arange(1, many + 1), 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (many * 4, many * 4))
print(cache.opens())
"""


def test_a_disk_without_space_for_the_table_gets_no_cache(tmp_path):
    done = subprocess.run([sys.executable, "-B", "-c", FULL, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_table_is_allocated_on_disk_before_it_is_mapped(tmp_path):
    """A page that does not fit on a full disk would kill the process by SIGBUS."""
    path = tmp_path / "cache/set/front/frames.rgb"
    many = 5000
    assert BlockCache(path, (many, 8, 8, 3), np.arange(1, many + 1), None).opens()
    table = path.with_suffix(".table").stat()
    assert table.st_blocks * 512 >= table.st_size == many * ROW.itemsize
