"""Unknown files of a data set, and images in files of their own."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.data.dataset import Dataset
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete, merge


def image_files(root, folder):
    """Move the images among the rows of `root` to files in `folder`, and refer to them by path."""
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    for path in sorted((root / "data").rglob("*.parquet")):
        rows = pq.read_table(path)
        for key in [name for name in rows.column_names if name.startswith("observation.images.")]:
            cells = rows[key].to_pylist()
            for number, cell in zip(rows["index"].to_pylist(), cells, strict=True):
                name = f"{folder}/{key}/{number}.png"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(cell["bytes"])
                cell |= {"bytes": None, "path": name}
            rows = rows.set_column(rows.schema.get_field_index(key), key, pa.array(cells, kind))
        pq.write_table(rows, path)


@pytest.fixture
def written(tmp_path, foreign):
    """A data set of the given episodes with images in files."""

    def do(name, version="v3.0", episodes=range(3), folder="images"):
        foreign.write(tmp_path / name, version, None, episodes)
        image_files(tmp_path / name, folder)
        return tmp_path / name

    return do


def episodes_of(root, synthetic):
    """The episodes encoded in the images of both cameras; checks every frame."""
    data = Dataset(root)
    frames = [frame for length in data.episodes.length.tolist() for frame in range(length)]
    found = []
    for camera in synthetic.CAMERAS:
        labels = [synthetic.read_label(one) for one in data.decode(camera, np.arange(data.num_frames))]
        assert [(name, frame) for name, _, frame in labels] == [(camera, frame) for frame in frames]
        found.append(list(dict.fromkeys(episode for _, episode, _ in labels)))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
@pytest.mark.parametrize("folder", ["images", "data/pictures"])
def test_image_files_are_kept(tmp_path, written, synthetic, version, folder):
    root = written("set", version, folder=folder)
    result = delete(root, "1", tmp_path / "out")
    assert len(result["left_out"]) == (24 if folder.startswith("data/") else 0), "those of no kept episode"
    assert episodes_of(tmp_path / "out", synthetic) == [0, 2]
    assert check(tmp_path / "out")["problems"] == []


def test_merging_image_files(tmp_path, written, synthetic):
    first, second = written("first"), written("second", episodes=range(3, 5), folder="shots")
    result = merge([first, second], tmp_path / "out")
    assert result["left_out"] == []
    assert episodes_of(tmp_path / "out", synthetic) == [0, 1, 2, 3, 4]
    alike = written("alike", episodes=range(3, 5))
    with pytest.raises(MismatchError, match=r"/first and .*/alike have different images images/.*\.png"):
        merge([first, alike], tmp_path / "both")


def test_unknown_folders_are_kept_or_reported(tmp_path, foreign):
    root, out = tmp_path / "set", tmp_path / "out"
    foreign.write(root, "v2.1", "h264", range(3))
    kept = ("annotations/people/a.json", "meta/extra/info.json", "info.json")
    lost = ("data/notes.txt", "meta/episodes_stats.jsonl", "videos/chunk-000/depth/episode_000000.mp4")
    for name in (*kept, *lost, ".git/config", "annotations/.cache/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "meta/linked.json").symlink_to("extra/info.json")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.txt").write_text("b")
    (root / "more").symlink_to(tmp_path / "elsewhere")
    result = delete(root, "1", out)
    assert result["left_out"] == sorted(lost)
    assert [(out / name).read_text() for name in kept] == list(kept)
    assert (out / "meta/linked.json").read_text() == "meta/extra/info.json"
    assert (out / "more/b.txt").read_text() == "b"
    assert not any((out / name).exists() for name in (*lost, ".git", "annotations/.cache"))


def test_unknown_files_of_our_recordings_are_kept(tmp_path, recorded):
    root = tmp_path / "set"
    shutil.copytree(recorded, root)
    (root / "notes").mkdir()
    (root / "notes/a.txt").write_text("mine")
    assert delete(root, "1", tmp_path / "out")["left_out"] == []
    assert (tmp_path / "out/notes/a.txt").read_text() == "mine"
    Dataset(tmp_path / "out").verify()


def test_an_fsspec_location_is_read_but_never_written(tmp_path, written, synthetic):
    root, there = written("set"), UPath("memory://edited/set")
    for path in root.rglob("*"):
        if path.is_file():
            to = there / path.relative_to(root).as_posix()
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    assert delete("memory://edited/set", "1", tmp_path / "out")["left_out"] == []
    assert episodes_of(tmp_path / "out", synthetic) == [0, 2]
    with pytest.raises(PraxiaError, match=r"expected a folder of this machine as --out, got memory://edited/out;"):
        delete(root, "1", "memory://edited/out")


def test_video_frames_must_be_an_object(tmp_path, foreign):
    root = tmp_path / "set"
    foreign.write(root, "v3.0", "h264", range(3))
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps({**info, "video_frames": [5]}))
    with pytest.raises(DataError, match=r"info.json is damaged \(expected video_frames as an object, got \[5\]\)"):
        delete(root, "1", tmp_path / "out")
