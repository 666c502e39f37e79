"""Real SIGKILLs in the middle of an episode: the recovered data is correct, and the loss within the bound."""

from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import MismatchError, RecordingError
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.datatools.record.folder import LiveFolder
from praxia.datatools.record.recorder import Recorder

PLAN = {"seed": 0}
FRAME_BYTES = 3 * (64 * 64 + 48 * 80)
LENGTH = 50
SPILLING = {"encode_s": 0.4, "memory_bytes": 8 * FRAME_BYTES}


def resumed(root, synthetic, **options):
    return Recorder(root, synthetic.EMBODIMENT, PLAN, resume=True, log=[].append, **options)


def expect_frames(root, synthetic, kept):
    """The data set holds the first `kept[index]` frames of each episode, images and numbers."""
    finalize(root, synthetic.EMBODIMENT, PLAN)
    dataset = Dataset(root)
    for camera in synthetic.CAMERAS:
        labels = [synthetic.read_label(pixels) for pixels in dataset.decode(camera, np.arange(sum(kept.values())))]
        assert labels == [(camera, index, frame) for index, frames in kept.items() for frame in range(frames)]
    episodes = [(synthetic.episode(index, LENGTH), frames) for index, frames in kept.items()]
    for feature, name in {"observation.state": "state", "action": "action", "next.reward": "reward"}.items():
        numbers = np.concatenate([getattr(content, name)[:frames].reshape(frames, -1) for content, frames in episodes])
        np.testing.assert_array_equal(dataset.column(feature).reshape(numbers.shape), numbers)
    ends = np.cumsum(list(kept.values())) - 1
    assert np.flatnonzero(dataset.column("next.truncated")).tolist() == ends.tolist()
    return dataset


def test_a_killed_episode_keeps_all_but_what_was_in_memory(tmp_path, synthetic, killed):
    kept = {}
    for index, (frames, options) in enumerate([(1, {}), (2, {}), (30, {"most_at_risk": 10}), (40, SPILLING)]):
        state = killed(tmp_path, index, frames, **options)
        (found,) = resumed(tmp_path, synthetic).recovered
        assert found.index == index
        assert frames - state["at_risk"] <= found.frames <= frames
        assert 0 <= found.lost_frames <= frames - found.frames
        if options == SPILLING:
            assert min(state["on_disk"].values()) > 20, "it did spill"
            assert state["at_risk"] <= 9, "not more than the memory"
        if found.frames:
            kept[index] = found.frames
    assert 2 in kept
    records = expect_frames(tmp_path, synthetic, kept).records
    assert [record["provenance"]["recovered"] for record in records] == [True] * len(kept)
    assert records[-1]["provenance"]["expert"] == "synthetic"


def test_a_process_that_exits_loses_nothing(tmp_path, synthetic, killed):
    killed(tmp_path, 1, 12, exits=True, encode_s=0.02)
    (found,) = resumed(tmp_path, synthetic).recovered
    assert (found.frames, found.lost_frames) == (12, 0)
    expect_frames(tmp_path, synthetic, {1: 12})


def test_a_torn_tail_costs_the_torn_frame(tmp_path, synthetic, killed):
    state = killed(tmp_path, 1, 20, most_at_risk=5)
    packets = LiveFolder(tmp_path, 1).path / "wrist.packets"
    packets.write_bytes(packets.read_bytes()[:-3])
    with pytest.raises(RecordingError, match=r"episode 1 .*Recorder\(root, embodiment, plan, resume=True\)"):
        finalize(tmp_path, synthetic.EMBODIMENT, PLAN)
    (found,) = resumed(tmp_path, synthetic).recovered
    assert 20 - state["at_risk"] - 1 <= found.frames < 20
    expect_frames(tmp_path, synthetic, {1: found.frames})


def test_a_half_recorded_episode_is_discarded_by_choice(tmp_path, synthetic, killed):
    killed(tmp_path, 1, 10, most_at_risk=5)
    with pytest.raises(MismatchError, match="another embodiment than 'other'"):
        Recorder(tmp_path, replace(synthetic.EMBODIMENT, name="other"), PLAN, resume=True)
    recorder = resumed(tmp_path, synthetic, salvage=False)
    assert recorder.recovered[0].frames == 0
    assert recorder.recovered[0].lost_frames >= 5
    assert recorder.indices == []
    assert sorted(path.name for path in (tmp_path / ".staging").iterdir()) == [".lock", "plan.json"]


def test_a_kill_between_staging_and_cleanup(tmp_path, synthetic, feeding, contents, monkeypatch):
    recorder = resumed(tmp_path, synthetic)
    episode = synthetic.episode(4)
    live = feeding.begin(recorder, 4, episode)
    for frame in range(len(episode)):
        feeding.feed(live, episode, frame)
    with monkeypatch.context() as patch:
        patch.setattr(LiveFolder, "remove", lambda folder: None)
        live.save()
    saved = contents(tmp_path, 4)
    assert LiveFolder.all_of(tmp_path)
    assert resumed(tmp_path, synthetic).recovered == ()
    assert contents(tmp_path, 4) == saved
    assert not LiveFolder.all_of(tmp_path)
