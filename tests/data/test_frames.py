import shutil
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

from praxia.core.errors import DataError
from praxia.data.dataset import Dataset


@pytest.fixture
def own(tmp_path, recorded):
    """A copy of the data set without a cache."""
    return shutil.copytree(recorded, tmp_path / "set", ignore=shutil.ignore_patterns(".cache"))


def caches(root):
    return sorted((root / ".cache").glob("*.rgb"))


def test_cache_and_direct_decoding_agree(own):
    dataset = Dataset(own)
    indices = np.array([40, 3, 3, 0, dataset.num_frames - 1, 41])
    direct = dataset.decode("wrist", indices)
    assert not (own / ".cache").exists()
    np.testing.assert_array_equal(direct, dataset.frames("wrist")[indices])
    assert not dataset.frames("wrist").flags.writeable


def test_the_cache_is_built_once(own, monkeypatch):
    before = np.array(Dataset(own).frames("front"))
    monkeypatch.setattr("praxia.data.frames.decode_all", None)
    np.testing.assert_array_equal(Dataset(own).frames("front"), before)
    assert len(caches(own)) == 1


def test_other_videos_are_never_served_from_an_old_cache(tmp_path, own, record):
    Dataset(own).frames("front")
    (old,) = caches(own)
    shutil.copytree(own / ".cache", tmp_path / "kept")
    shutil.rmtree(own)
    record(own, range(8, 16))
    shutil.copytree(tmp_path / "kept", own / ".cache")
    frames = Dataset(own).frames("front")
    (new,) = caches(own)
    assert new != old
    assert len(frames) == Dataset(own).num_frames


def test_half_a_cache_is_built_again(own):
    (own / ".cache").mkdir()
    (own / ".cache" / "front-0123456789abcdef.tmp").write_bytes(b"killed here")
    frames = Dataset(own).frames("front")
    assert len(frames) == Dataset(own).num_frames
    assert [path.suffix for path in sorted((own / ".cache").iterdir())] == [".rgb", ".lock"]


def test_two_processes_at_once(own):
    script = f"from praxia.data.dataset import Dataset; print(int(Dataset({str(own)!r}).frames('front').sum()))"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    said = {int(process.communicate()[0]) for process in both}
    assert said == {int(Dataset(own).frames("front").sum())}


def test_too_little_space(own, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    with pytest.raises(DataError, match=r"camera 'front' of .* needs 1 MB of disk, 0 MB are free"):
        Dataset(own).frames("front")


def test_a_video_cut_short_by_another_writer(own):
    shutil.rmtree(own / "praxia")
    path = own / "videos/observation.images.front/chunk-000/file-000.mp4"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = Dataset(own)
    for read in (lambda: dataset.frames("front"), lambda: dataset.decode("front", np.array([90]))):
        with pytest.raises(DataError, match=r"file-000.mp4 cannot be read .*; in it: episodes 0 to 7"):
            read()
