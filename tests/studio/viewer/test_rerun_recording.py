import io
import sys

import numpy as np
import pytest
import synthetic
from PIL import Image

from praxia.core.errors import PraxiaError
from praxia.studio.viewer.rerun_recording import write_rerun


@pytest.fixture(scope="module")
def chunks(demos, tmp_path_factory):
    """The chunks that rerun's own reader finds in a recording of episodes 1 and 3, by entity."""
    from rerun.chunk import RrdReader

    out = tmp_path_factory.mktemp("rerun") / "demos.rrd"
    write_rerun(demos, out, ("wrist",), [1, 3])
    assert [path.name for path in out.parent.iterdir()] == ["demos.rrd"]
    reader = RrdReader(str(out))
    (store,) = reader.recordings()
    assert len(reader.blueprints()) == 1
    found = {}
    for chunk in reader.store(store=store).stream().to_chunks():
        found.setdefault(str(chunk.entity_path), []).append(chunk.to_record_batch())
    return found


def column(batches, ending):
    """The values of a column in all of an entity's chunks, in the order of their frames; None if no chunk has it."""
    rows = []
    for batch in batches:
        (name,) = [name for name in batch.schema.names if name.endswith(ending)] or [None]
        if name is not None and "frame" in batch.schema.names:
            frames = batch.column("frame").to_pylist()
            rows += zip(frames, batch.column(name).to_pylist(), strict=True)
    return sorted(rows, key=lambda row: row[0])


def test_every_value_of_every_field_is_there_at_its_frame(chunks, demos):
    for episode in (1, 3):
        first, length = demos.episodes.first[episode], demos.episodes.length[episode]
        for entity, feature, dims in (("state/hand", "observation.state", slice(3)), ("action/close", "action", [2])):
            rows = column(chunks[f"/episode_{episode}/{entity}"], "Scalars:scalars")
            assert [frame for frame, _ in rows] == list(range(length))
            expected = demos.column(feature)[first : first + length][:, dims]
            assert (np.array([values for _, values in rows]) == expected.astype(np.float64)).all()


def test_every_image_is_there_at_its_frame(chunks):
    rows = column(chunks["/episode_1/camera/wrist"], "EncodedImage:blob")
    assert len(rows) == 40
    for frame, (blob,) in rows:
        pixels = np.asarray(Image.open(io.BytesIO(bytes(blob))))
        assert synthetic.read_label(pixels) == ("wrist", 1, frame)
    assert "/episode_1/camera/front" not in chunks


def test_time_begins_at_0_in_every_episode(chunks):
    for episode in (1, 3):
        rows = column(chunks[f"/episode_{episode}/reward"], "time")
        assert [time.total_seconds() for _, time in rows[:3]] == pytest.approx([0, 1 / 80, 2 / 80])


def test_the_instruction_is_there(chunks, evil):
    (batch,) = chunks["/episode_3/instruction"]
    (name,) = [name for name in batch.schema.names if name.endswith("TextDocument:text")]
    assert batch.column(name).to_pylist() == [[evil]]


def test_a_missing_package_is_reported_with_its_extra(demos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(PraxiaError, match=r"pip install 'praxia\[rerun\]'"):
        write_rerun(demos, tmp_path / "x.rrd", (), [0])


def test_a_recording_is_never_written_into_the_data_set(demos):
    with pytest.raises(PraxiaError, match="outside the data set"):
        write_rerun(demos, demos.root / "x.rrd", (), [0])
