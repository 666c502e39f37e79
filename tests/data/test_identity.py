"""A data set of another writer is known by its content: not by where it lies, nor by when it was copied there."""

import json
import os
import pickle
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

import praxia.data.identity as identity_module
from praxia.data.dataset import Dataset
from praxia.data.identity import samples_of

KINDS = [("v3.0", "h264"), ("v3.0", None), ("v2.1", "h264")]


@pytest.fixture(scope="module")
def sets(foreign, tmp_path_factory):
    """Small data sets by (version, codec)."""
    found = {}
    for version, codec in KINDS:
        root = tmp_path_factory.mktemp("sets") / f"{version}-{codec}"
        foreign.write(root, version, codec, range(3), per_file=2)
        found[version, codec] = root
    return found


@pytest.fixture(params=KINDS)
def pair(request, sets, tmp_path):
    """A data set and a copy elsewhere, of another time."""
    copy = shutil.copytree(sets[request.param], tmp_path / "elsewhere")
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    return sets[request.param], copy


def identity(root):
    return Dataset(root).sampled_sha256


def edit(path, change):
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def one_number_more(table):
    values = table["action"].combine_chunks()
    flat = values.flatten().to_numpy().copy()
    flat[1] = np.nextafter(flat[1], np.float32(np.inf))
    new = pa.FixedSizeListArray.from_arrays(pa.array(flat), 3)
    return table.set_column(table.column_names.index("action"), "action", new)


def test_a_copy_is_the_same_wherever_and_whenever_it_was_made(pair):
    original, copy = pair
    assert identity(copy) == identity(original)
    (copy / ".cache").mkdir()
    (copy / ".cache" / "pictures").write_text("")
    (copy / "README.md").write_text("")
    assert identity(copy) == identity(original), "what no training reads"


def test_one_altered_number_makes_it_another(pair):
    _, copy = pair
    path = min((copy / "data").rglob("*.parquet"))
    edit(path, lambda table: table)
    size, same = path.stat().st_size, identity(copy)
    edit(path, one_number_more)
    assert abs(path.stat().st_size - size) < 64
    assert identity(copy) != same


@pytest.mark.parametrize("kind", KINDS)
def test_another_recording_at_the_same_path_has_another_identity(foreign, sets, tmp_path, kind):
    foreign.write(tmp_path / "grown", *kind, range(4), per_file=2)
    foreign.write(tmp_path / "other", *kind, range(1, 4), per_file=2)
    assert len({identity(root) for root in (sets[kind], tmp_path / "grown", tmp_path / "other")}) == 3


def test_other_images_and_instructions_make_it_another(pair):
    original, copy = pair
    before = {identity(original)}
    for path in [*copy.rglob("*.mp4")][:1]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert identity(copy) not in before
        before.add(identity(copy))
    path = copy / "meta" / "info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "robot_type": "other"}))
    assert identity(copy) not in before


def test_an_altered_image_among_the_rows_makes_it_another(sets, tmp_path):
    copy = shutil.copytree(sets["v3.0", None], tmp_path / "copy")
    path = min((copy / "data").rglob("*.parquet"))
    content = path.read_bytes()
    at = content.index(b"IDAT") + 12
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert identity(copy) != identity(sets["v3.0", None])


def test_of_a_large_file_its_size_and_some_pieces_count(tmp_path):
    path, size, before = tmp_path / "large", 10_000_000, set()
    path.write_bytes(bytes(size))
    before.add(tuple(samples_of(path, 3)))
    for at, noticed in [(0, True), (size // 2, True), (size - 1, True), (size // 4, False)]:
        content = bytearray(size)
        content[at] = 1
        path.write_bytes(content)
        assert (tuple(samples_of(path, 3)) not in before) == noticed, at
    path.write_bytes(bytes(size + 1))
    assert tuple(samples_of(path, 3)) not in before


def test_images_in_parquet_files_are_read_in_pieces_and_numbers_in_full(tmp_path, monkeypatch):
    path, read = tmp_path / "file.parquet", []
    images = [{"bytes": np.random.default_rng(row).bytes(100_000), "path": ""} for row in range(20)]
    pq.write_table(pa.table({"observation.images.top": images, "action": np.arange(20.0)}), path)
    read_pieces = identity_module._pieces
    monkeypatch.setattr(
        identity_module, "_pieces", lambda path, places: read.extend(places) or read_pieces(path, places)
    )
    identity_module._numbers(path, {"observation.images.top"}, pieces=3)
    assert sum(size for _, size in read) < 200_000 < path.stat().st_size / 5
    action = pq.read_metadata(path).row_group(0).column(2)
    assert (action.dictionary_page_offset, action.total_compressed_size) in read


def test_elsewhere_than_on_a_disk_sizes_of_videos_do(sets):
    root = sets["v3.0", "h264"]
    there = UPath("memory://identity/set")
    for path in (path for path in root.rglob("*") if path.is_file()):
        target = there / path.relative_to(root).as_posix()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert identity(there) == identity(there)


def test_what_is_known_of_a_data_set_decides(sets, recorded):
    ours, other = Dataset(recorded), Dataset(sets["v3.0", "h264"])
    assert set(ours.identity) == {"path", "content_sha256"}
    assert ours.matches_identity(ours.identity)
    assert other.matches_identity({**other.identity, "path": "elsewhere"})
    assert not other.matches_identity({**other.identity, "sampled_sha256": "x"})
    assert other.matches_identity({"path": "", "content_sha256": None}), "of the time before"
    assert not other.matches_identity(ours.identity)


def test_another_process_need_not_sample_anew(sets, monkeypatch):
    dataset = Dataset(sets["v3.0", "h264"])
    known = dataset.identity
    copy = pickle.dumps(dataset)
    monkeypatch.setattr("praxia.data.dataset.sampled_sha256", lambda metadata: pytest.fail("sampled twice"))
    assert dataset.identity == known
    assert pickle.loads(copy).identity == known  # noqa: S301 - our own
