"""A data set with depth beside its cameras: the cameras are read, and depth is kept as it is."""

import json
import shutil

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.files import sha256_file
from praxia.data.dataset import Dataset
from praxia.data.summary import info
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import delete, merge
from praxia.studio.viewer.view import write_viewer

DEPTH = "observation.images.front_depth"
VIDEO = f"videos/{DEPTH}/chunk-000/file-000.mp4"
TABLE = "meta/episodes/chunk-000/file-000.parquet"


def add_depth(root, lengths):
    """12 bits, one channel, one value per frame."""
    (root / VIDEO).parent.mkdir(parents=True)
    with av.open(str(root / VIDEO), "w") as container:
        options = {"x265-params": "lossless=1:log-level=none"}
        stream = container.add_stream("libx265", rate=30, options=options)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "gray12le"
        for value in range(400, 400 + sum(lengths)):
            frame = av.VideoFrame(64, 48, "gray12le")
            frame.planes[0].update(np.full(frame.planes[0].buffer_size // 2, value, np.uint16).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    info_json = json.loads((root / "meta/info.json").read_text())
    about = {"video.pix_fmt": "gray12le", "is_depth_map": True}
    info_json["features"][DEPTH] = {"dtype": "video", "shape": [48, 64, 1], "names": None, "info": about}
    (root / "meta/info.json").write_text(json.dumps(info_json))
    table = pq.read_table(root / TABLE)
    ends = np.cumsum(lengths) / 30
    with_positions = {"chunk_index": [0] * len(lengths), "file_index": [0] * len(lengths)}
    with_positions |= {"from_timestamp": ends - np.array(lengths) / 30, "to_timestamp": ends}
    for name, values in with_positions.items():
        table = table.append_column(f"videos/{DEPTH}/{name}", pa.array(values))
    pq.write_table(table, root / TABLE)


@pytest.fixture(scope="module")
def original(foreign, tmp_path_factory):
    root = tmp_path_factory.mktemp("depth") / "set"
    taken = foreign.write(root, "v3.0", "h264", episodes=range(3))
    add_depth(root, [len(one) for one in taken])
    return root


@pytest.fixture
def root(original, tmp_path):
    return shutil.copytree(original, tmp_path / "set")


def test_the_cameras_are_read_and_depth_is_named(root, synthetic):
    dataset = Dataset(root)
    assert dataset.cameras == tuple(camera.name for camera in dataset.embodiment.cameras) == ("front", "wrist")
    assert dataset.unsupported_images == info(root)["left_out"] == {DEPTH: "depth (gray12le)"}
    labels = [synthetic.read_label(one) for one in dataset.decode("front", np.arange(dataset.num_frames))]
    assert labels == [("front", n, t) for n, length in enumerate(dataset.episodes.length) for t in range(length)]
    write_viewer(dataset, root.parent / "page.html", dataset.cameras)
    assert f"{DEPTH}, which is depth (gray12le)" in (root.parent / "page.html").read_text()


def test_check_notes_it(root):
    verdict = check(root)
    assert (verdict["ok"], verdict["episodes_safe"]) == (True, 3)
    assert [note["detail"] for note in verdict["notes"] if note["kind"] == "left-out"] == [
        f"{DEPTH} is depth (gray12le): observations do not include it, edits keep it"
    ]


def test_edits_keep_it_byte_for_byte(root, tmp_path):
    delete(root, "0", tmp_path / "less")
    merge([tmp_path / "less", root], tmp_path / "more")
    for out, videos in (("less", 1), ("more", 2)):
        found = sorted((tmp_path / out / f"videos/{DEPTH}").rglob("*.mp4"))
        assert [sha256_file(path) for path in found] == [sha256_file(root / VIDEO)] * videos
        assert check(tmp_path / out)["ok"]


@pytest.mark.parametrize("with_positions", [True, False])
def test_without_its_files_the_rest_is_as_good_as_before(root, tmp_path, with_positions):
    """A data set downloaded without its depth can be read, checked, trained on and edited all the same."""
    known = Dataset(root).identity
    (root / VIDEO).unlink()
    assert Dataset(root).identity == known, "what training reads of it is there"
    if not with_positions:
        table = pq.read_table(root / TABLE)
        pq.write_table(table.drop_columns([n for n in table.column_names if DEPTH in n]), root / TABLE)
    assert check(root)["ok"]
    assert Dataset(root).identity
    done = delete(root, "0", tmp_path / "less")
    assert DEPTH in done["left_out"]
    new = Dataset(tmp_path / "less")
    assert (DEPTH in new.info["features"], new.cameras) == (False, ("front", "wrist"))
    assert check(tmp_path / "less")["ok"]
