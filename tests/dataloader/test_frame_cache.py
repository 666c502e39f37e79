import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError
from praxia.core.files import sha256_file
from praxia.data import dataset as reader
from praxia.data import manifest
from praxia.data.dataset import Dataset
from praxia.data.readers import VideoReader
from praxia.dataloader.frame_cache import CachedFrames
from praxia.datatools.edit.operations import delete


@pytest.fixture
def own(tmp_path, recorded):
    """A copy of the data set."""
    return shutil.copytree(recorded, tmp_path / "set")


def every(dataset):
    return np.arange(dataset.num_frames)


def caches():
    """The files with images, of all data sets and cameras."""
    return sorted(Path(os.environ["PRAXIA_CACHE"]).glob("*/*/*.rgb"))


def cached_bytes(root, camera="front", **options):
    """How many bytes the cache of a camera holds."""
    return CachedFrames(Dataset(root), camera, **options)._cache.held_bytes


def read_labels(synthetic, images):
    return [synthetic.read_label(image) for image in images]


def all_labels(dataset, camera):
    """The label of every frame."""
    lengths = dataset.episodes.length.tolist()
    return [(camera, episode, frame) for episode, n in enumerate(lengths) for frame in range(n)]


def test_cache_and_direct_decoding_agree(own):
    dataset = Dataset(own)
    indices = np.array([40, 3, 3, 0, dataset.num_frames - 1, 41])
    direct = dataset.decode("wrist", indices)
    assert not caches()
    for _ in range(2):
        np.testing.assert_array_equal(direct, CachedFrames(dataset, "wrist").read(indices))


def test_a_data_set_that_is_only_read_stays_as_it_is(own):
    before = sorted((path, path.stat().st_mtime_ns) for path in own.rglob("*"))
    dataset = Dataset(own)
    CachedFrames(dataset, "front").read(every(dataset))
    assert sorted((path, path.stat().st_mtime_ns) for path in own.rglob("*")) == before


@pytest.mark.parametrize("ours", [True, False])
def test_a_copy_reads_the_same_cache_whatever_the_times_of_its_files(tmp_path, own, monkeypatch, ours):
    if not ours:
        shutil.rmtree(own / "praxia")
    dataset = Dataset(own)
    before = CachedFrames(dataset, "front").read(every(dataset))
    copied = shutil.copytree(own, tmp_path / "copy", copy_function=shutil.copyfile)
    for path in copied.rglob("*.*"):
        os.utime(path, (1, 1))
    monkeypatch.setattr(VideoReader, "read", None)
    np.testing.assert_array_equal(CachedFrames(Dataset(copied), "front").read(every(dataset)), before)
    assert len(caches()) == 1


def test_without_hashes_images_that_may_have_changed_where_they_lie_are_decoded_anew(own, synthetic):
    """The samples of large videos do not cover every byte."""
    shutil.rmtree(own / "praxia")
    for path in (own / "videos").rglob("*.mp4"):
        os.utime(path, (1, 1))
    dataset = Dataset(own)
    CachedFrames(dataset, "front").read(every(dataset))
    CachedFrames(dataset, "wrist").read(every(dataset))
    kept = [path.open("rb") for path in caches()]
    os.utime(own / "videos/observation.images.front/chunk-000/file-000.mp4", (2, 2))
    again = Dataset(own)
    for camera in ("front", "wrist"):
        assert read_labels(synthetic, CachedFrames(again, camera).read(every(again))) == all_labels(again, camera)
    assert [os.fstat(file.fileno()).st_nlink for file in kept] == [0, 1]
    for file in kept:
        file.close()


def test_cached_blocks_are_not_decoded_again(own, monkeypatch):
    dataset = Dataset(own)
    before = CachedFrames(dataset, "front").read(every(dataset))
    monkeypatch.setattr(VideoReader, "read", None)
    again = Dataset(own)
    np.testing.assert_array_equal(CachedFrames(again, "front").read(every(again)[::-1]), before[::-1])
    assert len(caches()) == 1


def test_only_requested_blocks_are_decoded(own):
    dataset = Dataset(own)
    CachedFrames(dataset, "front").read(np.array([40]))
    assert 0 < cached_bytes(own) < dataset.num_frames * 64 * 64 * 3


def test_other_videos_are_never_served_from_an_old_cache(own, record, synthetic):
    first = Dataset(own)
    CachedFrames(first, "front").read(every(first))
    (old,) = caches()
    shutil.rmtree(own)
    record(own, range(8, 16))
    dataset = Dataset(own)
    images = CachedFrames(dataset, "front").read(every(dataset))
    assert {episode for _, episode, _ in read_labels(synthetic, images)} == set(range(8, 16))
    (new,) = caches()  # nobody has a copy of what was there before
    assert new != old


@pytest.mark.parametrize("damage", ["bit", "zeros"])
def test_a_damaged_cache_is_noticed_and_mended(own, damage):
    dataset = Dataset(own)
    before = CachedFrames(dataset, "front").read(every(dataset))
    (path,) = caches()
    data = np.fromfile(path, np.uint8)
    if damage == "bit":
        data[len(data) // 2] ^= 1
    else:  # as a power cut leaves a file whose table reached the disk first
        data[:] = 0
    data.tofile(path)
    np.testing.assert_array_equal(CachedFrames(Dataset(own), "front").read(every(dataset)), before)
    np.testing.assert_array_equal(np.fromfile(path, np.uint8), before.ravel())


ONE = 64 * 64 * 3  # an image of the front camera


def test_the_budget_is_kept_and_uncached_frames_are_decoded(own, synthetic):
    dataset = Dataset(own)
    for seed in range(3):
        indices = np.random.default_rng(seed).permutation(dataset.num_frames)
        images = CachedFrames(dataset, "front", cache_bytes=40 * ONE).read(indices)
        assert read_labels(synthetic, images) == [all_labels(dataset, "front")[i] for i in indices]
        assert 0 < cached_bytes(own) <= 40 * ONE


def test_a_budget_is_for_all_cameras_and_sizes_together(own, synthetic):
    dataset = Dataset(own)
    for camera, size in (("front", None), ("front", (32, 32)), ("wrist", None), ("wrist", (24, 40))):
        CachedFrames(dataset, camera, size, cache_bytes=120 * ONE).read(every(dataset))
        assert sum(path.stat().st_blocks * 512 for path in caches()) <= 120 * ONE
    assert read_labels(
        synthetic, CachedFrames(dataset, "wrist", cache_bytes=120 * ONE).read(every(dataset))
    ) == all_labels(dataset, "wrist")


def test_old_blocks_and_caches_are_evicted_for_a_later_run(own, synthetic):
    dataset = Dataset(own)
    early, late = np.arange(32), np.arange(32, 64)
    CachedFrames(dataset, "front", cache_bytes=40 * ONE).read(early)
    CachedFrames(dataset, "front", cache_bytes=40 * ONE).read(late)  # in the same run nothing is exchanged
    assert cached_bytes(own) == 32 * ONE
    later = CachedFrames(Dataset(own), "front", cache_bytes=40 * ONE)
    later._cache._since_s = int(time.time()) + 1  # as if it had been opened a second later
    assert read_labels(synthetic, later.read(late)) == all_labels(dataset, "front")[32:64]
    assert cached_bytes(own) == 32 * ONE
    again = CachedFrames(Dataset(own), "front", cache_bytes=40 * ONE)
    assert not again._cache.read(early, np.empty((32, 64, 64, 3), np.uint8)).any()
    assert again._cache.read(late, np.empty((32, 64, 64, 3), np.uint8)).all()
    assert read_labels(synthetic, again.read(early)) == all_labels(dataset, "front")[:32]
    other = CachedFrames(Dataset(own), "wrist", cache_bytes=40 * ONE)
    other._cache._since_s = int(time.time()) + 2
    assert read_labels(synthetic, other.read(early)) == all_labels(dataset, "wrist")[:32]
    assert [path.parent.name for path in caches()] == ["wrist"]


READER = """
import sys, numpy as np
from praxia.data.dataset import Dataset
from praxia.dataloader.frame_cache import CachedFrames
dataset = Dataset(sys.argv[1])
images = CachedFrames(dataset, "front", cache_bytes=int(sys.argv[2]) or None)
for seed in range(int(sys.argv[3]), int(sys.argv[3]) + 30):
    order = np.random.default_rng(seed).permutation(dataset.num_frames)
    for rows in np.array_split(order, 7):
        print(int((images.read(rows).reshape(len(rows), -1).sum(1, dtype=np.int64) * (rows + 1)).sum()), flush=True)
"""


def readers(own, budget, seeds):
    arguments = [sys.executable, "-c", READER, str(own), str(budget)]
    return [subprocess.Popen([*arguments, str(seed)], stdout=subprocess.PIPE) for seed in seeds]


def expected(own, seed):
    dataset = Dataset(own)
    sums = dataset.decode("front", every(dataset)).reshape(dataset.num_frames, -1).sum(1, dtype=np.int64)
    found = []
    for one in range(seed, seed + 30):
        order = np.random.default_rng(one).permutation(dataset.num_frames)
        found += [int((sums[rows] * (rows + 1)).sum()) for rows in np.array_split(order, 7)]
    return found


def test_many_processes_fill_evict_and_read_at_once_and_one_is_killed(own):
    """Two processes with space for all, one with space for a third, which evicts what the others use last."""
    killed, *others = [*readers(own, 0, (100, 0)), *readers(own, 40 * ONE, (200,))]
    killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    for seed, process in zip((0, 200), others, strict=True):
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        assert [int(line) for line in output.split()] == expected(own, seed)


def test_a_full_disk_only_costs_time(own, monkeypatch, synthetic):
    def full(file, folder, size):
        if size > 4096:  # a page for the table is left
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    dataset = Dataset(own)
    for _ in range(2):
        assert read_labels(synthetic, CachedFrames(dataset, "front").read(every(dataset))) == all_labels(
            dataset, "front"
        )
    assert cached_bytes(own) == 0


def test_images_at_another_size_keep_their_proportions(own, synthetic):
    dataset = Dataset(own)
    small = CachedFrames(dataset, "wrist", (40, 40))
    images = small.read(every(dataset))
    assert images.shape[1:] == (40, 40, 3)
    assert (images[:, :8] == 0).all()
    assert (images[:, 32:] == 0).all()
    assert read_labels(synthetic, images[:, 8:32]) == all_labels(dataset, "wrist")
    np.testing.assert_array_equal(dataset.camera_frames("wrist", (40, 40)).decode(every(dataset)[5:9]), images[5:9])


def test_a_video_cut_short_by_another_writer(own):
    shutil.rmtree(own / "praxia")
    path = own / "videos/observation.images.front/chunk-000/file-000.mp4"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = Dataset(own)
    for read in (CachedFrames(dataset, "front").read, dataset.camera_frames("front").decode):
        with pytest.raises(DataError, match=r"file-000.mp4 cannot be read .*; in it: episodes 0 to 7"):
            read(np.array([90]))


def test_an_edit_that_keeps_the_videos_is_never_served_from_the_cache_of_before(tmp_path, own, synthetic):
    first = Dataset(own)
    CachedFrames(first, "front").read(every(first))
    delete(own, "0", tmp_path / "edited")
    dataset = Dataset(tmp_path / "edited")
    images = CachedFrames(dataset, "front").read(every(dataset))
    assert {episode for _, episode, _ in read_labels(synthetic, images)} == set(range(1, 8))


def test_each_camera_has_its_own_cache_whatever_it_is_called(tmp_path, foreign, synthetic):
    root = tmp_path / "set"
    root.mkdir()
    foreign.write(root, codec=None)
    names = {"observation.images.front": "observation.images.a/1", "observation.images.wrist": "observation.images..."}
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] = {names.get(name, name): feature for name, feature in info["features"].items()}
    info["features"]["observation.images.a_1"] = info["features"]["observation.images.a/1"]
    (root / "meta/info.json").write_text(json.dumps(info))
    for path in root.glob("data/*/*.parquet"):
        rows = pq.read_table(path).rename_columns(names)
        pq.write_table(rows.append_column("observation.images.a_1", rows["observation.images.a/1"].slice(0)), path)
    dataset = Dataset(root)
    for camera in ("a/1", "a_1", ".."):
        CachedFrames(dataset, camera).read(np.arange(3))
    assert {path.name for path in root.iterdir()} == {"data", "meta"}
    assert len(caches()) == 3


def test_images_that_another_version_decoded_are_decoded_anew(own, monkeypatch):
    CachedFrames(Dataset(own), "front").read(np.arange(3))
    (before,) = caches()
    monkeypatch.setattr(reader, "DECODING", reader.DECODING + 1)
    CachedFrames(Dataset(own), "front").read(np.arange(3))
    (after,) = caches()
    assert before.name != after.name


def test_a_file_is_hashed_once_however_often_it_is_opened(own, monkeypatch):
    hashed = []
    monkeypatch.setattr(manifest, "sha256_file", lambda path: hashed.append(path.name) or sha256_file(path))
    dataset = Dataset(own)
    hashed.clear()
    camera_frames = dataset.camera_frames("front")
    for _ in range(3):
        camera_frames.decode(np.array([1]))
        camera_frames._open.clear()
    assert hashed == ["file-000.mp4"]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where images may be kept, best first; a file in place of a folder makes a location unusable."""
    monkeypatch.delenv("PRAXIA_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return [tmp_path / "home", tmp_path / "temporary"]


@pytest.mark.parametrize("unusable", range(3))
def test_images_are_kept_where_something_can_be_written_and_read_without_a_cache_where_nothing_can(
    folders, own, synthetic, unusable
):
    for folder in folders[:unusable]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_bytes(b"")
    for _ in range(2):
        dataset = Dataset(own)
        assert read_labels(synthetic, CachedFrames(dataset, "front").read(every(dataset))) == all_labels(
            dataset, "front"
        )
    kept = [bool(list(folder.rglob("*.rgb"))) for folder in folders]
    assert kept == [number == unusable for number in range(2)]


def test_the_folder_of_images_is_where_the_variables_say(folders, own, tmp_path, monkeypatch):
    def read():
        CachedFrames(Dataset(own), "front").read(np.arange(3))

    read()
    assert list((folders[0] / ".cache/praxia").glob("*/*/*.rgb"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    read()
    assert list((tmp_path / "xdg/praxia").glob("*/*/*.rgb"))
    monkeypatch.setenv("PRAXIA_CACHE", str(tmp_path / "ours"))
    read()
    assert list((tmp_path / "ours").glob("*/*/*.rgb"))


def test_a_user_whom_the_system_does_not_know_needs_no_home(folders, own, synthetic, monkeypatch):
    def unknown_user(number):
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown_user)
    dataset = Dataset(own)
    assert read_labels(synthetic, CachedFrames(dataset, "front").read(every(dataset))) == all_labels(dataset, "front")
    assert list(folders[1].rglob("*.rgb"))


def test_a_temporary_folder_of_another_user_is_left_alone(folders, own, monkeypatch):
    folders[0].write_bytes(b"")
    (folders[1] / "praxia-54321").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    CachedFrames(Dataset(own), "front").read(np.arange(3))
    assert not list(folders[1].rglob("*.rgb"))


def test_files_of_another_user_are_ignored(folders, own, synthetic, monkeypatch):
    CachedFrames(Dataset(own), "front").read(np.arange(3))
    (theirs,) = folders[0].rglob("*.rgb")

    def refused(path, *more, **options):
        if str(path).startswith(str(folders[0])):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *more, **options)

    opened = os.open
    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "unlink", refused)
    dataset = Dataset(own)
    assert read_labels(synthetic, CachedFrames(dataset, "front").read(every(dataset))) == all_labels(dataset, "front")
    assert list(folders[1].rglob("*.rgb"))
    assert theirs.exists()
