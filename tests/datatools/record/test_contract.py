"""What every recorder of episodes does: the one that writes in real time, and the one that keeps it in memory."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from praxia.core.embodiment import Stream
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.parquet import matrix
from praxia.data.recorder import EpisodeRecorder, OpenEpisode, StagedRecorder, save_episode
from praxia.data.recording import begin_recording
from praxia.data.staging import StagedEpisode, stage_episode
from praxia.datatools.record.folder import LiveFolder
from praxia.datatools.record.recorder import Recorder
from praxia.datatools.record.staging import recover

PLAN = {"seed": 0}
STREAMS = (Stream("force", (6,), unit="N"), Stream("depth", (5, 7), "uint16", "mm"))


def staged(root, embodiment):
    begin_recording(root, PLAN, resume=True)
    return StagedRecorder(root, embodiment)


def live(root, embodiment):
    return Recorder(root, embodiment, PLAN)


@pytest.fixture(params=[staged, live], ids=["staged", "live"])
def make(request):
    return request.param


@pytest.fixture(scope="module")
def embodiment(synthetic):
    return replace(synthetic.EMBODIMENT, streams=STREAMS)


@pytest.fixture(scope="module")
def episode(synthetic, embodiment):
    """Nine steps with everything that an episode can have."""
    found, draw = synthetic.episode(3, 9), np.random.default_rng(0)
    return replace(
        found,
        embodiment=embodiment,
        streams={
            "force": draw.normal(size=(9, 6)).astype(np.float32),
            "depth": draw.integers(0, 5000, (9, 5, 7)).astype(np.uint16),
        },
        extras={"value": draw.normal(size=9), "token": draw.integers(0, 9, (9, 2, 3)), "sure": draw.random(9) < 0.5},
        actors=("policy",) * 4 + ("person",) * 5,
    )


def changed(episode, **changes):
    """The episode with other arrays, which need not fit."""
    return SimpleNamespace(**{**vars(episode), **changes})


def test_both_are_recorders(make, tmp_path, embodiment, episode, feeding):
    recorder = make(tmp_path / "set", embodiment)
    assert isinstance(recorder, EpisodeRecorder)
    assert isinstance(feeding.begin(recorder, 0, episode), OpenEpisode)


def test_a_saved_episode_is_the_one_that_is_staged_as_a_whole(make, tmp_path, embodiment, episode, feeding, contents):
    """Byte for byte, although the caller's arrays change after each step."""
    begin_recording(tmp_path / "expected", PLAN)
    plain = replace(episode, extras={}, actors=(), snapshots=())
    recorder = make(tmp_path / "set", embodiment)
    for index, one in enumerate((episode, plain)):
        stage_episode(tmp_path / "expected", index, one)
        assert index not in recorder
        taken = feeding.begin(recorder, index, one)
        for frame in range(9):
            assert len(taken) == frame
            arrays = {name: values[frame].copy() for name, values in one.streams.items()}
            feeding.feed(taken, changed(one, streams={name: {frame: value} for name, value in arrays.items()}), frame)
            for value in arrays.values():
                value[:] = 0
        taken.save()
        assert index in recorder
        assert contents(tmp_path / "set", index) == contents(tmp_path / "expected", index)
    save_episode(recorder, 2, episode)
    assert contents(tmp_path / "set", 2) == contents(tmp_path / "expected", 0)
    assert recorder.indices == [0, 1, 2]


def test_a_step_that_does_not_fit_is_refused_and_the_next_goes_on(
    make, tmp_path, embodiment, episode, feeding, contents
):
    begin_recording(tmp_path / "expected", PLAN)
    stage_episode(tmp_path / "expected", 0, episode)
    infinite = episode.state.copy()
    infinite[1] = np.inf
    wrong = {
        r"needs the streams 'force', 'depth', got 'force'": {"streams": {"force": episode.streams["force"]}},
        r"'depth' of .* as uint16 \[5, 7\] mm, got int32": {
            "streams": {**episode.streams, "depth": episode.streams["depth"].astype(np.int32)}
        },
        r"a state that is not finite": {"state": infinite},
        r"needs state of shape": {"state": episode.state[:, :2]},
        r"expected images of 'front' as uint8": {
            "images": {name: images.astype(float) for name, images in episode.images.items()}
        },
        r"expected a snapshot as with the frames before, at frame 1": {"snapshots": ()},
        r"expected an actor as with the frames before, at frame 1": {"actors": ()},
        r"expected the extras 'value' float64 \[\], .* at frame 1, got none": {"extras": {}},
    }
    taken = feeding.begin(make(tmp_path / "set", embodiment), 0, episode)
    feeding.feed(taken, episode, 0)
    for message, changes in wrong.items():
        with pytest.raises((MismatchError, DataError), match=message):
            feeding.feed(taken, changed(episode, **changes), 1)
    for frame in range(1, 9):
        feeding.feed(taken, episode, frame)
    taken.save()
    assert contents(tmp_path / "set", 0) == contents(tmp_path / "expected", 0)


def test_a_discarded_episode_leaves_nothing(make, tmp_path, embodiment, episode, feeding):
    recorder = make(tmp_path / "set", embodiment)
    taken = feeding.begin(recorder, 4, episode)
    feeding.feed(taken, episode, 0)
    taken.discard()
    assert recorder.indices == []
    assert not list((tmp_path / "set" / ".staging").glob("*00004*"))
    with pytest.raises(PraxiaError, match="episode 4 is already saved or discarded"):
        feeding.feed(taken, episode, 1)
    save_episode(recorder, 4, episode)
    assert recorder.indices == [4]


def test_what_is_saved_empty_or_finished_is_refused(make, tmp_path, embodiment, episode, feeding):
    recorder = make(tmp_path / "set", embodiment)
    taken = feeding.begin(recorder, 0, episode)
    with pytest.raises(PraxiaError, match="episode 0 has no frames to save"):
        taken.save()
    feeding.feed(taken, episode, 0)
    taken.save()
    for late in (taken.save, taken.discard):
        with pytest.raises(PraxiaError, match="episode 0 is already saved or discarded"):
            late()
    with pytest.raises(PraxiaError, match="episode 0 is already recorded in"):
        feeding.begin(recorder, 0, episode)
    del recorder
    finalize(tmp_path / "set", embodiment, PLAN)
    assert Dataset(tmp_path / "set").num_frames == 1
    with pytest.raises(PraxiaError, match="already holds a finished data set"):
        feeding.begin(StagedRecorder(tmp_path / "set", embodiment), 1, episode)


def test_what_a_crash_left_keeps_its_streams_extras_and_actors(tmp_path, embodiment, episode, feeding):
    recorder = live(tmp_path / "set", embodiment)
    taken = feeding.begin(recorder, 0, episode)
    for frame in range(6):
        feeding.feed(taken, episode, frame)
    # As when the process exits: what waits is written, and the files are free.
    taken._drain()
    taken._stop_sync.set()
    taken._sync_thread.join()
    taken._journals.close()
    assert recover(LiveFolder(tmp_path / "set", 0), embodiment, salvage=True).frames == 6
    rows = StagedEpisode(tmp_path / "set" / ".staging" / "episode-000000").frames()
    np.testing.assert_array_equal(matrix(rows["observation.depth"]), episode.streams["depth"][:6].reshape(6, -1))
    for name, values in episode.extras.items():
        expected = values[:6].reshape(6, -1).astype(np.float32 if name == "value" else values.dtype)
        np.testing.assert_array_equal(matrix(rows[f"complementary_info.{name}"]), expected)
    assert rows["actor"].to_pylist() == [0, 0, 0, 0, 2, 2]
