import errno
import os
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError, RecordingError
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.datatools.record.journal import SpillFile
from praxia.datatools.record.recorder import Recorder
from praxia.datatools.record.video import CameraEncoder

PLAN = {"seed": 0}
FRAME_BYTES = 3 * (64 * 64 + 48 * 80)


def cut(episode, length):
    """The first `length` steps."""
    arrays = ("state", "action", "executed_action", "reward", "success", "terminated", "truncated", "snapshots")
    images = {name: frames[:length] for name, frames in episode.images.items()}
    return replace(episode, images=images, **{name: getattr(episode, name)[:length] for name in arrays})


@pytest.fixture
def stuck(monkeypatch):
    """An event; no encoder encodes anything before it is set."""
    gate, take = threading.Event(), CameraEncoder.take
    monkeypatch.setattr(CameraEncoder, "take", lambda self, image: (gate.wait(), take(self, image)))
    return gate


@pytest.fixture
def expected(tmp_path, contents):
    """The files that `stage_episode` writes for an episode."""

    def do(index, episode):
        begin_recording(tmp_path / "expected", {}, resume=True)
        stage_episode(tmp_path / "expected", index, episode)
        return contents(tmp_path / "expected", index)

    return do


def test_a_live_episode_equals_stage_episode(tmp_path, synthetic, feeding, contents, expected):
    recorder = Recorder(tmp_path / "set", synthetic.EMBODIMENT, PLAN)
    for index, length in enumerate((1, 2, 104)):
        episode = synthetic.episode(index, length)
        if index == 1:
            episode = replace(episode, snapshots=())
        live = feeding.begin(recorder, index, episode)
        for frame in range(length):
            feeding.feed(live, episode, frame)
        live.save()
        assert contents(tmp_path / "set", index) == expected(index, episode)
    assert recorder.state() is None
    assert recorder.indices == [0, 1, 2]
    with pytest.raises(PraxiaError, match=r"episode 2 is already recorded"):
        feeding.begin(recorder, 2, synthetic.episode(2))
    assert finalize(tmp_path / "set", synthetic.EMBODIMENT, PLAN)
    with pytest.raises(PraxiaError, match="already holds a finished data set"):
        feeding.begin(recorder, 3, synthetic.episode(3))


def test_add_returns_while_encoders_are_stuck_and_every_frame_is_kept(
    tmp_path, synthetic, feeding, stuck, contents, expected
):
    messages = []
    recorder = Recorder(tmp_path / "set", synthetic.EMBODIMENT, PLAN, memory_bytes=8 * FRAME_BYTES, log=messages.append)
    episode = synthetic.episode(5, 60)
    live = feeding.begin(recorder, 5, episode)
    for frame in range(60):
        feeding.feed(live, episode, frame)
        while live.state().memory_bytes > 5 * FRAME_BYTES:
            time.sleep(0.001)
    state = live.state()
    assert recorder.state() == state
    assert state.waiting == {"front": 60, "wrist": 60}
    assert state.behind_s == 60 / 80
    assert state.spilling
    assert min(state.on_disk.values()) >= 60 - 5
    assert state.at_risk <= 5
    (line,) = messages
    assert "episode 5 is 0." in line
    assert "s behind" in line
    stuck.set()
    live.save()
    assert contents(tmp_path / "set", 5) == expected(5, episode)
    assert len(messages) == 1


def test_a_slow_disk_refuses_the_next_frame_and_keeps_the_others(
    tmp_path, synthetic, feeding, stuck, contents, expected, monkeypatch
):
    append = SpillFile.append
    monkeypatch.setattr(SpillFile, "append", lambda self, *image: (stuck.wait(), append(self, *image))[1])
    recorder = Recorder(tmp_path / "set", synthetic.EMBODIMENT, PLAN, memory_bytes=10 * FRAME_BYTES, log=[].append)
    episode = synthetic.episode(2, 20)
    live = feeding.begin(recorder, 2, episode)
    for frame in range(9):
        feeding.feed(live, episode, frame)
    with pytest.raises(RecordingError, match=r"frame 9 of episode 2 was not recorded.*slower.*kept: the 9 frames"):
        feeding.feed(live, episode, 9)
    stuck.set()
    live.save()
    assert contents(tmp_path / "set", 2) == expected(2, cut(episode, 9))


def test_a_full_disk_refuses_the_next_frame_and_saving_continues_with_space(
    tmp_path, synthetic, feeding, contents, expected, monkeypatch
):
    recorder = Recorder(tmp_path / "set", synthetic.EMBODIMENT, PLAN)
    episode = synthetic.episode(2, 300)
    live = feeding.begin(recorder, 2, episode)
    for frame in range(7):
        feeding.feed(live, episode, frame)
    pwritev, calls = os.pwritev, []

    def full(file, buffers, at):
        calls.append(at)
        if len(calls) % 2:
            return pwritev(file, [buffers[0], buffers[1][:1]], at)  # torn in the middle of a record
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill():
        for frame in range(7, 300):
            feeding.feed(live, episode, frame)
            time.sleep(0.1)

    monkeypatch.setattr(os, "pwritev", full)
    message = r"frame (\d+) of episode 2 was not recorded: no space left.*kept: the \1 frames"
    with pytest.raises(RecordingError, match=message):
        fill()
    taken = len(live)
    with pytest.raises(RecordingError, match=rf"episode 2 was not saved: no space left.*kept: the {taken} frames"):
        live.save()
    monkeypatch.undo()
    live.save()
    assert contents(tmp_path / "set", 2) == expected(2, cut(episode, taken))


def test_a_video_with_another_number_of_frames_is_not_staged(tmp_path, synthetic, feeding, monkeypatch):
    def lossy(self):
        if self.written == 4:
            self._unwritten.clear()
        write(self)

    write = CameraEncoder.write
    monkeypatch.setattr(CameraEncoder, "write", lossy)
    recorder = Recorder(tmp_path, synthetic.EMBODIMENT, PLAN)
    live = feeding.begin(recorder, 0, synthetic.episode(0, 12))
    for frame in range(12):
        feeding.feed(live, synthetic.episode(0, 12), frame)
    with pytest.raises(RecordingError, match="episode 0 was not saved: expected 12 frames, got 4 images of front"):
        live.save()
    assert recorder.indices == []
    live.discard()


def test_an_invalid_frame_is_refused(tmp_path, synthetic, feeding, contents, expected):
    recorder = Recorder(tmp_path / "set", synthetic.EMBODIMENT, PLAN)
    episode = synthetic.episode(3)
    live = feeding.begin(recorder, 3, episode)
    feeding.feed(live, episode, 0)
    wrong = [
        ({"images": {"front": episode.images["front"]}}, MismatchError, "needs images.wrist"),
        (
            {"images": {"front": np.zeros((9, 64, 64, 3))}},
            DataError,
            "images of 'front' as uint8, got float64",
        ),
        ({"state": episode.state[:, :3]}, MismatchError, "needs state of shape"),
        ({"state": np.full_like(episode.state, np.inf)}, DataError, "state that is not finite"),
        ({"snapshots": ()}, MismatchError, "expected a snapshot"),
    ]
    for change, error, message in wrong:
        with pytest.raises(error, match=message):
            feeding.feed(live, SimpleNamespace(**vars(episode) | change), 1)
    for frame in range(1, len(episode)):
        feeding.feed(live, episode, frame)
    live.save()
    assert contents(tmp_path / "set", 3) == expected(3, episode)


def test_a_discarded_episode_leaves_nothing(tmp_path, synthetic, feeding, stuck):
    recorder = Recorder(tmp_path, synthetic.EMBODIMENT, PLAN)
    live = feeding.begin(recorder, 3, synthetic.episode(3))
    for frame in range(3):
        feeding.feed(live, synthetic.episode(3), frame)
    with pytest.raises(PraxiaError, match=r"episode 3 is open; save\(\) or discard\(\)"):
        feeding.begin(recorder, 4, synthetic.episode(4))
    with pytest.raises(RecordingError, match=r"episode 3 .*still being recorded"):
        finalize(tmp_path, synthetic.EMBODIMENT, PLAN)
    with pytest.raises(RecordingError, match="is being written"):
        Recorder(tmp_path, synthetic.EMBODIMENT, PLAN, resume=True)
    stuck.set()
    live.discard()
    assert sorted(path.name for path in (tmp_path / ".staging").iterdir()) == [".lock", "plan.json"]
    with pytest.raises(PraxiaError, match="already saved or discarded"):
        feeding.feed(live, synthetic.episode(3), 3)
    live = feeding.begin(recorder, 3, synthetic.episode(3))
    with pytest.raises(PraxiaError, match="no frames to save"):
        live.save()
    live.discard()


def test_too_little_memory_is_refused(tmp_path, synthetic):
    with pytest.raises(PraxiaError, match=f"at least {4 * FRAME_BYTES}, 4 frames"):
        Recorder(tmp_path, synthetic.EMBODIMENT, PLAN, memory_bytes=2 * FRAME_BYTES)
