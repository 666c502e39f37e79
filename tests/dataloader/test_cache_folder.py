import json
import logging
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from praxia.data.dataset import Dataset
from praxia.dataloader import block_cache, cache_folder, frame_cache
from praxia.dataloader.cache_folder import ROW, CachedDataset, Hold, cached_datasets, cap_bytes, old_cache_files
from praxia.dataloader.frame_cache import CachedFrames

IMAGE = 64 * 64 * 3  # of the front camera


@pytest.fixture(scope="module")
def three(tmp_path_factory, record):
    """Three data sets of 32 frames or a little more."""
    roots = [tmp_path_factory.mktemp("three") / name for name in "abc"]
    for at, root in enumerate(roots):
        record(root, range(3 * at, 3 * at + 3))
    return roots


@pytest.fixture
def cap(own_cache):
    """Set the cap of the test's folder in images of the front camera, as if it had been made with so little free."""

    def do(images):
        own_cache.mkdir(parents=True, exist_ok=True)
        (own_cache / "cap.json").write_text(json.dumps({"cap_bytes": images * IMAGE}))

    return do


def read(root, **options):
    """One block of the front camera; closed again with what it holds."""
    dataset = Dataset(root)
    images = CachedFrames(dataset, "front", **options).read(np.arange(32))
    np.testing.assert_array_equal(images, dataset.decode("front", np.arange(32)))


def names(own_cache):
    """The data sets that have images here, the least recently used one first."""
    return [one.paths[-1].rsplit("/", 1)[-1] for one in cached_datasets(own_cache) if one.num_bytes]


def used_at(own_cache, second):
    """Pretend that everything here was last used then."""
    for path in own_cache.glob("*/*/*.table"):
        rows = np.fromfile(path, ROW)
        rows["used_s"][rows["used_s"] > 10**6] = second
        rows.tofile(path)


def test_the_cap_is_a_tenth_of_what_is_free_when_the_folder_is_made(own_cache, three, monkeypatch):
    free = shutil.disk_usage(own_cache.parent)._replace(free=10**11)
    monkeypatch.setattr(cache_folder.shutil, "disk_usage", lambda path: free)
    read(three[0])
    assert json.loads((own_cache / "cap.json").read_text()) == {"cap_bytes": 10**10}
    monkeypatch.setattr(cache_folder.shutil, "disk_usage", None)
    assert cap_bytes(own_cache) == 10**10


def test_the_least_recently_used_data_set_makes_room(own_cache, cap, three):
    cap(75)  # two data sets
    for second, root in enumerate(three[:2], 1):
        read(root)
        used_at(own_cache, second)
    assert sorted(names(own_cache)) == ["a", "b"]
    read(three[0])  # now the other has not been used for longest
    read(three[2])
    assert sorted(names(own_cache)) == ["a", "c"]


def test_a_data_set_in_use_keeps_its_images_and_the_new_one_is_decoded(own_cache, cap, three, caplog):
    frame_cache._warn_full.cache_clear()
    cap(40)
    frames = CachedFrames(Dataset(three[0]), "front")
    frames.read(np.arange(32))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            read(three[1])
    assert names(own_cache) == ["a"]
    assert [one.getMessage() for one in caplog.records] == [
        f"{own_cache} is full (0.0 GB for all data sets): other images are decoded whenever they are read. "
        "`--cache-gb N` allows more, `praxia data cache` lists what is there"
    ]
    del frames
    read(three[1])
    assert names(own_cache) == ["b"]


def test_more_than_the_cap_is_kept_for_who_asks_for_it(own_cache, cap, three):
    cap(1)
    read(three[0])
    assert not names(own_cache)
    read(three[0], cache_bytes=40 * IMAGE)
    assert names(own_cache) == ["a"]


def test_a_budget_of_its_own_removes_no_other_data_set(own_cache, cap, three):
    cap(200)
    read(three[0])
    read(three[1], cache_bytes=10 * IMAGE)  # less than a block
    assert names(own_cache) == ["a"]


HOLDER = """
import sys
from pathlib import Path
from praxia.dataloader.cache_folder import Hold
hold = Hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_holds_nothing(tmp_path):
    folder = tmp_path / "set"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert CachedDataset(folder).is_in_use
    assert not CachedDataset(folder).remove()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    assert not CachedDataset(folder).is_in_use
    assert CachedDataset(folder).remove()
    assert not folder.exists()


def test_who_waits_for_a_folder_that_is_removed_makes_it_anew(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    Hold(folder).release()
    flock = cache_folder.fcntl.flock

    def removed_first(file, kind):
        monkeypatch.setattr(cache_folder.fcntl, "flock", flock)
        assert CachedDataset(folder).remove()
        flock(file, kind)

    monkeypatch.setattr(cache_folder.fcntl, "flock", removed_first)
    hold = Hold(folder)
    assert not CachedDataset(folder).remove()
    hold.release()


def test_a_removed_cache_is_filled_anew_and_one_half_removed_is_not_believed(own_cache, three):
    read(three[0])
    (cached,) = cached_datasets(own_cache)
    next(cached.folder.glob("*/*.rgb")).unlink()  # as a kill amid the removal leaves it
    read(three[0])
    assert cached.remove()
    assert not cached.folder.exists()
    read(three[0])
    assert names(own_cache) == ["a"]


def test_what_older_versions_left_in_the_folder_counts_and_goes_first(own_cache, cap, three):
    cap(77)  # two
    old = own_cache / "0123456789abcdef/front/64x64-abc.rgb"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(38 * IMAGE))
    read(three[0])
    assert old.exists()
    read(three[1])
    assert not old.parents[1].exists()
    assert sorted(names(own_cache)) == ["a", "b"]


def test_a_torn_record_or_cap_is_written_anew(own_cache, three):
    read(three[0])
    (cached,) = cached_datasets(own_cache)
    for path in (own_cache / "cap.json", cached.folder / "data_set.json"):
        path.write_text('{"se')
    assert cached.paths == ()
    read(three[0])
    assert cached.paths == (str(three[0]),)
    assert cap_bytes(own_cache) > 0


def old_cache(root):
    """As versions before 0.1 left it, with what huggingface_hub puts beside it."""
    for name in ("front/64x64-abc", "64x64-older"):
        for suffix in (".rgb", ".table", ".lock", ".fill"):
            path = (root / ".cache" / name).with_suffix(suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(10_000))
    other = root / ".cache/huggingface/download/info.lock"
    other.parent.mkdir(parents=True)
    other.touch()
    return other


def test_images_of_older_versions_are_named_once_and_not_read(tmp_path, own_cache, three, caplog):
    root = shutil.copytree(three[0], tmp_path / "set")
    old_cache(root)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            read(root)
    (said,) = [one.getMessage() for one in caplog.records]
    assert said == (
        f"{root}/.cache holds images that an older version decoded and nobody reads; remove them with "
        f"`praxia data cache --clear {root}`"
    )
    assert len(old_cache_files(root)) == 8


def test_a_block_larger_than_what_is_left_of_the_disk_removes_what_nobody_uses(own_cache, three, monkeypatch):
    read(three[0])
    usage = shutil.disk_usage(own_cache)

    def free(path):
        return usage._replace(free=block_cache.LEFT_FREE + (0 if "a" in names(own_cache) else 10**9))

    monkeypatch.setattr(block_cache.shutil, "disk_usage", free)
    read(three[1])
    assert names(own_cache) == ["b"]
