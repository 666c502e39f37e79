"""Damaged data sets: `check` lists the intact episodes, the reader refuses, and edits keep exactly those."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete, split

TABLE = "meta/episodes/chunk-000/file-000.parquet"


def rewrite(path, change):
    pq.write_table(change(pq.read_table(path)), path)


def lines(path, change):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(one) + "\n" for one in change(found)))


def without_data(root):
    (root / "data/chunk-000/file-001.parquet").unlink()


def without_video(root):
    (root / "videos/observation.images.wrist/chunk-000/file-000.mp4").unlink()


def with_half_a_data_file(root):
    path = root / "data/chunk-000/file-001.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_an_lfs_pointer_as_data_file(root):
    (root / "data/chunk-000/file-000.parquet").write_text("version https://git-lfs.github.com/spec/v1\nsize 12345\n")


def without_rows(root):
    rewrite(root / "data/chunk-000/file-000.parquet", lambda rows: pa.concat_tables([rows.slice(0, 8), rows.slice(9)]))


def without_a_video_position(root):
    name = "videos/observation.images.front/chunk_index"
    change = lambda table: table.set_column(table.column_names.index(name), name, pa.array([0, 0, None, 0, 0, 0]))  # noqa: E731
    rewrite(root / TABLE, change)


def without_a_row_of_the_table(root):
    rewrite(root / TABLE, lambda table: table.take(pa.array([0, 1, 3, 4, 5])))


def without_the_last_row_of_the_table(root):
    rewrite(root / TABLE, lambda table: table.slice(0, 5))


def with_other_totals(root):
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"total_episodes": 50}))


def without_old_files(root):
    (root / "data/chunk-000/episode_000002.parquet").unlink()
    (root / "videos/chunk-000/observation.images.front/episode_000004.mp4").unlink()


def with_gaps(root):
    """Episodes 1 and 3 are removed entirely; the others keep their numbers."""
    for number in (1, 3):
        for path in root.rglob(f"episode_{number:06d}.*"):
            path.unlink()
    lines(root / "meta/episodes.jsonl", lambda found: [one for one in found if one["episode_index"] not in (1, 3)])
    with_other_totals(root)


@pytest.mark.parametrize(
    ("version", "damage", "intact"),
    [
        ("v3.0", without_data, [0, 1, 2, 3]),
        ("v3.0", with_half_a_data_file, [0, 1, 2, 3]),
        ("v3.0", with_an_lfs_pointer_as_data_file, [4, 5]),
        ("v3.0", without_video, [4, 5]),
        ("v3.0", without_rows, [0, 2, 3, 4, 5]),
        ("v3.0", without_a_video_position, [0, 1, 3, 4, 5]),
        ("v3.0", without_a_row_of_the_table, [0, 1, 3, 4, 5]),
        ("v3.0", without_the_last_row_of_the_table, [0, 1, 2, 3, 4]),
        ("v3.0", with_other_totals, [0, 1, 2, 3, 4, 5]),
        ("v2.1", without_old_files, [0, 1, 3, 5]),
        ("v2.1", with_gaps, [0, 2, 4, 5]),
    ],
)
def test_intact_episodes_can_be_kept(tmp_path, foreign, synthetic, version, damage, intact):
    root, out = tmp_path / "set", tmp_path / "out"
    taken = foreign.write(root, version, "h264")
    damage(root)
    with pytest.raises(DataError, match=r"or keep the intact episodes: see `praxia data check`"):
        Dataset(root).column("action")
    checked = check(root)
    safe = [number for first, last in checked["safe"] for number in range(first, last + 1)]
    assert (checked["ok"], safe) == (False, intact)
    split(root, [out], episodes=[",".join(map(str, safe))])
    assert check(out)["problems"] == []
    new = Dataset(out)
    assert new.episodes.length.tolist() == [len(taken[number]) for number in intact]
    np.testing.assert_array_equal(new.column("action"), np.concatenate([taken[number].action for number in intact]))
    assert new.episodes.instruction == tuple(taken[number].instruction for number in intact)
    for camera in synthetic.CAMERAS:
        labels = [synthetic.read_label(one) for one in new.decode(camera, np.arange(new.num_frames))]
        assert labels == [(camera, number, t) for number in intact for t in range(len(taken[number]))]


def test_damaged_episodes_are_refused(tmp_path, foreign):
    root, out = tmp_path / "set", tmp_path / "out"
    foreign.write(root, "v3.0", "h264")
    without_data(root)
    with pytest.raises(DataError, match=r"has damaged episodes: 4; see `praxia data check .*intact are 0-3"):
        split(root, [out], episodes=["3,4"])
    with pytest.raises(DataError, match=r"would keep damaged episodes: 5; delete .* --episodes 0,4-5 --out"):
        delete(root, "0,4", out)
    assert not out.exists()
    assert delete(root, "0,4-5", out)["removed"] == [0, 4, 5]
    assert Dataset(out).num_episodes == 3


def test_intact_episodes_of_our_recordings(tmp_path, multi_file, synthetic):
    """With outcomes, starts and simulator states of the intact episodes."""
    root, out = shutil.copytree(multi_file, tmp_path / "set"), tmp_path / "out"
    videos = sorted((root / "videos/observation.images.front").rglob("*.mp4"))
    videos[1].unlink()
    checked = check(root)
    intact = [number for first, last in checked["safe"] for number in range(first, last + 1)]
    assert 0 < len(intact) < 8
    split(root, [out], episodes=[",".join(map(str, intact))])
    old, new = Dataset(multi_file), Dataset(out)
    assert check(out)["problems"] == []
    for position, number in enumerate(intact):
        assert new.snapshots(position) == old.snapshots(number)
        assert new.records[position]["start"] == old.records[number]["start"]


def with_gaps_between_tasks(rows):
    """task_index 0, 1, 2 as 2, 5, 8."""
    values = pa.array(3 * rows["task_index"].to_numpy() + 2)
    return rows.set_column(rows.column_names.index("task_index"), "task_index", values)


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_task_numbers_may_have_gaps(tmp_path, foreign, version):
    root, out = tmp_path / "set", tmp_path / "out"
    taken = foreign.write(root, version, "h264", episodes=range(3))
    for path in (root / "data").rglob("*.parquet"):
        rewrite(path, with_gaps_between_tasks)
    if version == "v3.0":
        rewrite(root / "meta/tasks.parquet", with_gaps_between_tasks)
    else:
        again = lambda found: [one | {"task_index": 3 * one["task_index"] + 2} for one in found]  # noqa: E731
        lines(root / "meta/tasks.jsonl", again)
    assert check(root)["ok"]
    delete(root, "1", out)
    for folder, numbers in ((root, (0, 1, 2)), (out, (0, 2))):
        dataset = Dataset(folder)
        texts = np.array(dataset.instructions)[dataset.column("task_index")[dataset.episodes.first, 0]]
        assert texts.tolist() == [taken[number].instruction for number in numbers]
