import json
import shutil
import tempfile

import numpy as np
import pytest
from data_fixtures import *  # noqa: F403 - the fixtures

from praxia.cli.data import run
from praxia.cli.main import main
from praxia.data.dataset import Dataset
from praxia.dataloader.cache_folder import cap_bytes
from praxia.dataloader.frame_cache import CachedFrames


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Another program's temporary folder would be listed too."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def two(tmp_path, record):
    """Two data sets whose front images are cached."""
    roots = [tmp_path / "a", tmp_path / "b"]
    for at, root in enumerate(roots):
        record(root, range(at, at + 1))
        CachedFrames(Dataset(root), "front").read(np.arange(3))
    return roots


def exit_code(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["data", "cache", *arguments])
    return ended.value.code


def listed(*data):
    (folder,) = run(["cache", *map(str, data)])["folders"]
    return [one["data"] for one in folder["data_sets"]]


def test_no_images_yet(capsys):
    assert run(["cache"]) == {"folders": []}
    assert "no images are cached" in capsys.readouterr().err


def test_what_is_cached_is_listed_with_its_size_its_last_use_and_the_cap(two, own_cache, capsys):
    assert exit_code("--json") == 0
    out, err = capsys.readouterr()
    (folder,) = json.loads(out)["folders"]
    assert (folder["folder"], folder["cap_bytes"]) == (str(own_cache), cap_bytes(own_cache))
    assert {one["data"] for one in folder["data_sets"]} == {str(root) for root in two}
    assert folder["bytes"] == sum(one["bytes"] for one in folder["data_sets"]) > 0
    assert not any(one["in_use"] for one in folder["data_sets"])
    assert all(one["last_used"].endswith("+00:00") for one in folder["data_sets"])
    assert "0.2 MB of at most" in err
    assert listed(two[1]) == [str(two[1])]


def test_a_copy_finds_what_its_original_left(tmp_path, two):
    copied = shutil.copytree(two[0], tmp_path / "copy")
    assert listed(copied) == [str(two[0])]
    assert run(["cache", "--clear", str(copied)])["removed"] == 1
    assert listed() == [str(two[1])]


def test_one_or_all_are_removed(two):
    result = run(["cache", "--clear", str(two[0])])
    assert result["removed"] == 1
    assert result["freed_bytes"] > 0
    assert listed() == [str(two[1])]
    assert run(["cache", "--clear"])["removed"] == 1
    assert listed() == []


def test_images_of_a_data_set_that_is_gone_can_be_removed(two):
    shutil.rmtree(two[0])
    assert run(["cache", "--clear", str(two[0])])["removed"] == 1


def test_what_a_living_process_uses_is_refused_and_the_rest_removed(two, capsys):
    frames = CachedFrames(Dataset(two[0]), "front")
    frames.read(np.arange(3))
    assert exit_code("--clear") == 2
    err = capsys.readouterr().err.strip()
    assert err.endswith(
        f"the images of {two[0]} are in use by another process: wait until that has ended, or end it first; "
        "those of 1 other data set were removed"
    )
    assert listed() == [str(two[0])]


def test_images_of_older_versions_in_the_data_set_are_removed_and_nothing_else(two):
    for suffix in (".rgb", ".table", ".lock", ".fill"):
        path = two[0] / ".cache/front/64x64-abc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(suffix).write_bytes(bytes(10_000))
    hub = two[0] / ".cache/huggingface/download/info.lock"
    hub.parent.mkdir(parents=True)
    hub.touch()
    run(["cache", "--clear", str(two[0])])
    assert [path for path in (two[0] / ".cache").rglob("*") if path.is_file()] == [hub]
    hub.unlink()


def test_a_folder_that_is_no_data_set(tmp_path, two, capsys):
    assert exit_code("--clear", str(tmp_path / "nothing")) == 2
    assert str(tmp_path / "nothing") in capsys.readouterr().err
    assert len(listed()) == 2
