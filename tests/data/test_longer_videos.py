"""Videos that run on after the last row of their episode, as LeRobot's converter from v2.1 concatenates them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete, merge, split, trim

TABLE = "meta/episodes/chunk-000/file-000.parquet"
MORE = [2, 0, 3]


@pytest.fixture
def root(tmp_path, foreign, synthetic):
    """Three episodes, whose videos have 2, 0 and 3 images more than rows; the times are those of the videos."""
    root = tmp_path / "set"
    taken = foreign.write(root, "v3.0", "h264", episodes=range(3))
    table = pq.read_table(root / TABLE)
    ends = np.cumsum([len(one) + more for one, more in zip(taken, MORE, strict=True)])
    begins = np.concatenate([[0], ends[:-1]])
    for camera in synthetic.CAMERAS:
        key = f"observation.images.{camera}"
        images = [p for one, more in zip(taken, MORE, strict=True) for p in _longer(one.images[camera], more)]
        (root / f"videos/{key}/chunk-000/file-000.mp4").write_bytes(foreign.encode(images, "h264"))
        for name, values in (("from_timestamp", begins / 30), ("to_timestamp", ends / 30)):
            at = table.column_names.index(f"videos/{key}/{name}")
            table = table.set_column(at, f"videos/{key}/{name}", pa.array(values))
    pq.write_table(table, root / TABLE)
    return root


def _longer(images, more):
    return [*images, *[images[0]] * more]


def read_labels(synthetic, root):
    dataset = Dataset(root)
    return [synthetic.read_label(one)[1:] for one in dataset.decode("wrist", np.arange(dataset.num_frames))]


def test_every_frame_has_its_own_image(root, synthetic):
    lengths = Dataset(root).episodes.length.tolist()
    assert read_labels(synthetic, root) == [(n, t) for n, length in enumerate(lengths) for t in range(length)]


def test_check_notes_them(root):
    verdict = check(root)
    assert (verdict["ok"], verdict["episodes_safe"]) == (True, 3)
    noted = {(one["episode"], one["count"]) for one in verdict["notes"] if one["kind"] == "surplus-frames"}
    assert noted == {(0, 2), (2, 3)}


def test_edits_read_them_too(root, tmp_path, synthetic):
    lengths = Dataset(root).episodes.length.tolist()
    delete(root, "0", tmp_path / "less")
    merge([tmp_path / "less", root], tmp_path / "more")
    split(root, [tmp_path / "a", tmp_path / "b"], episodes=["0,2", "1"])
    trim(root, tmp_path / "trimmed", frames=0, threshold=0.5)
    for out, numbers in (("less", [1, 2]), ("more", [1, 2, 0, 1, 2]), ("a", [0, 2]), ("b", [1])):
        assert read_labels(synthetic, tmp_path / out) == [(n, t) for n in numbers for t in range(lengths[n])]
        assert check(tmp_path / out)["ok"]
    assert check(tmp_path / "trimmed")["ok"]


def test_images_that_belong_to_no_episode_are_refused(root):
    """One may have been put in anywhere."""
    table = pq.read_table(root / TABLE)
    for name in [name for name in table.column_names if name.endswith("wrist/to_timestamp")]:
        ends = table[name].to_numpy() - np.array([0, 0, 3]) / 30
        table = table.set_column(table.column_names.index(name), name, pa.array(ends))
    pq.write_table(table, root / TABLE)
    assert {one["kind"] for one in check(root)["problems"]} == {"surplus-frames"}
    with pytest.raises(DataError, match=r"it has \d+ frames, its episodes have \d+"):
        Dataset(root).decode("wrist", np.arange(3))


def test_of_v21_they_are_noted(tmp_path, foreign):
    root = tmp_path / "old"
    taken = foreign.write(root, "v2.1", "h264", episodes=range(2))
    name = "videos/chunk-000/observation.images.wrist/episode_000001.mp4"
    (root / name).write_bytes(foreign.encode(_longer(taken[1].images["wrist"], 2), "h264"))
    verdict = check(root)
    assert verdict["ok"]
    assert {(one["kind"], one["episode"]) for one in verdict["notes"] if one["file"] == name} == {("surplus-frames", 1)}
