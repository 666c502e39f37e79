import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from ball_world import EMBODIMENT, build, run_episode, write_results

from praxia.core.types import EnvSpec, Start
from praxia.results.rows import Row
from praxia.rollout.slots import LocalSlots
from praxia.studio.mp4 import encode_mp4
from praxia.studio.replay import EpisodeRow, ReplayJob, ReplayRunner, run_replays
from praxia.studio.sources import StoredResults, read_sources
from praxia.studio.videos import draw_by_task, make_episode_videos, make_pair_videos, make_video, select_episodes


def decode(mp4):
    with av.open(io.BytesIO(mp4)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return stream, frames


def ball_position(image):
    """The horizontal position, as a fraction of the width."""
    reddish = image[..., 0].astype(int) - image[..., 2] > 40
    return np.nonzero(reddish)[1].mean() / image.shape[1]


def job(speed=0.03, goal=0.75, **changes):
    start = Start("ball", "push", {"goal": goal})
    actions, success_step = run_episode(start, speed)
    row = Row("b", "push", start.key, "p", None, "success", len(actions), success_step, 1.0, "", None, 0.0)
    episode = EpisodeRow(StoredResults(Path("x.jsonl"), (), {}), replace(row, **changes))
    return ReplayJob(episode, EnvSpec("ball", "push", size=64), start, actions, EMBODIMENT, "side")


def video_of(*jobs):
    """One video of all jobs, side by side."""
    done = dict(run_replays(dict(enumerate(jobs)), LocalSlots(2, build)))
    return make_video(*(done[key] for key in sorted(done)))


def test_a_video_shows_every_third_step_at_the_robots_own_speed():
    shown = video_of(job())
    assert shown.mismatches == ()
    assert shown.instruction == "roll <b>push</b>"
    stream, frames = decode(shown.mp4)
    # 26 steps: the start, eight strides of three steps, and two more; then half a second of the last image.
    assert len(frames) == 1 + 9 + 13
    assert float(stream.average_rate) == pytest.approx(80 / 3, rel=1e-3)
    middle = [ball_position(frames[number]) for number in (3, 6)]
    assert middle == pytest.approx([0.27, 0.54], abs=0.02)
    assert np.abs(frames[-1].astype(int) - frames[9]).mean() < 2


def test_videos_use_a_format_that_browsers_play():
    stream, _ = decode(video_of(job()).mp4)
    assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    mp4 = encode_mp4([np.zeros((64, 64, 3), np.uint8)], 10.0)
    assert mp4.index(b"moov") < mp4.index(b"mdat"), "the index comes first"


def test_the_same_images_give_the_same_video():
    images = list(np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8))
    assert encode_mp4(images, 10.0) == encode_mp4(images, 10.0)


def test_an_outcome_that_differs_from_the_row_is_reported():
    (mismatch,) = video_of(job(success_step=20)).mismatches
    assert mismatch == (
        "the results have success at step 20 in 26 steps, but the replay had success at step 26 in 26 steps"
    )


def test_a_crash_of_the_replay_is_reported_and_its_images_are_kept():
    one = job()
    start = Start("ball", "push", {"goal": 0.75, "crash_at": 10})
    shown = video_of(replace(one, start=start))
    assert shown.mismatches == ("the replay crashed: RuntimeError: the ball burst",)
    assert len(decode(shown.mp4)[1]) == 4 + 13


def test_two_episodes_are_side_by_side_and_the_shorter_ends_on_its_last_image():
    fast, slow = job(speed=0.03), job(speed=0.015)
    shown = video_of(fast, slow)
    assert [row.steps for row in shown.rows] == [26, 51]
    _, frames = decode(shown.mp4)
    # 51 steps are the start and 17 strides of three; then half a second of the last image.
    assert len(frames) == 1 + 17 + 13
    assert frames[0].shape == (32, 32 + 8 + 32, 3)
    halves = [[ball_position(frame[:, :32]), ball_position(frame[:, 40:])] for frame in (frames[6], frames[17])]
    assert halves[0] == pytest.approx([0.54, 0.27], abs=0.03)
    assert halves[1] == pytest.approx([0.77, 0.77], abs=0.03)


def test_pairs_are_replayed_in_worker_processes_and_keep_their_order(tmp_path, runner):
    write_results(tmp_path / "a.jsonl", {"push": "sf"})
    write_results(tmp_path / "b.jsonl", {"push": "fs"}, policy="other", sha256="0ther")
    a, b = read_sources([tmp_path]).results
    first, second = make_pair_videos(
        [(EpisodeRow(a, x), EpisodeRow(b, y)) for x, y in zip(a.rows, b.rows, strict=True)], runner
    )
    assert [row.status for row in first.rows] == ["success", "failure"]
    assert [row.status for row in second.rows] == ["failure", "success"]
    assert first.mismatches == second.mismatches == ()
    assert decode(first.mp4)[1][0].shape == (256, 520, 3)


def test_a_pair_with_an_episode_that_cannot_be_replayed_has_no_video_and_a_reason(tmp_path, runner):
    write_results(tmp_path / "a.jsonl", {"push": "s"})
    (row,) = write_results(tmp_path / "b.jsonl", {"push": "f"}, policy="other", sha256="0ther")
    (tmp_path / "b.jsonl.actions" / f"{row.start}.safetensors").unlink()
    a, b = read_sources([tmp_path]).results
    (shown,) = make_pair_videos([(EpisodeRow(a, a.rows[0]), EpisodeRow(b, b.rows[0]))], runner)
    assert shown.mp4 is None
    assert shown.instruction == "roll <b>push</b>"
    (mismatch,) = shown.mismatches
    assert row.start in mismatch


def test_selected_episodes_are_a_random_draw_and_not_the_first_in_the_file(tmp_path):
    rows = write_results(tmp_path / "x.jsonl", {"push": "sssff", "turn": "ffe", "lift": "ss"})
    chosen = select_episodes(rows)
    assert [(row.task, row.status) for row in chosen] == [
        ("push", "success"),
        ("push", "failure"),
        ("turn", "failure"),
        ("lift", "success"),
    ]
    assert chosen[0].start == min(row.start for row in rows if (row.task, row.status) == ("push", "success"))
    assert select_episodes(rows[::-1])[-2:] == chosen[:2]


def test_videos_of_a_results_file_are_made_in_worker_processes(tmp_path, runner):
    write_results(tmp_path / "x.jsonl", {"push": "sf", "turn": "f"})
    videos = make_episode_videos(read_sources([tmp_path]).results[0], runner)
    assert [(one.rows[0].task, one.rows[0].status, one.mismatches) for one in videos] == [
        ("push", "success", ()),
        ("push", "failure", ()),
        ("turn", "failure", ()),
    ]
    assert decode(videos[0].mp4)[1][0].shape == (256, 256, 3)


def test_a_video_without_stored_actions_has_a_reason(tmp_path, runner):
    (row,) = write_results(tmp_path / "x.jsonl", {"push": "s"})
    (tmp_path / "x.jsonl.actions" / f"{row.start}.safetensors").unlink()
    (shown,) = make_episode_videos(read_sources([tmp_path]).results[0], runner)
    assert shown.mp4 is None
    assert row.start in shown.mismatches[0]


@pytest.mark.gl
def test_metaworld_episodes_are_replayed(tmp_path):
    from praxia.envs import build, find_family
    from praxia.results.store import Replay, ResultsStore

    family = find_family("metaworld")
    start = family.draw_start("door-open", "test", 0)
    spec = EnvSpec("metaworld", "door-open", "fast", 64)
    out = tmp_path / "x.jsonl"
    store = ResultsStore(out)
    fingerprint = {"benchmark": {"name": "m"}, "policy_sha256": "zero", "control": None}
    store.begin({"command": "praxia eval zero", "fingerprint": fingerprint}, resume=False)
    row = Row("m", "door-open", start.key, "zero", None, "failure", 12, None, 0.0, "", None, 0.1)
    store.append(row, Replay(spec, start, np.zeros((12, 4), np.float32)))
    store.close()
    with closing(ReplayRunner(build)) as runner:
        (shown,) = make_episode_videos(read_sources([out]).results[0], runner)
    assert shown.mismatches == ()
    assert shown.instruction == family.instructions["door-open"]
    _, frames = decode(shown.mp4)
    assert len(frames) == 1 + 4 + 13
    assert frames[0].shape == (256, 256, 3)
    assert frames[0].std() > 20, "there is something to see"
    assert json.loads((tmp_path / "x.jsonl.meta.json").read_text())["command"] == "praxia eval zero"


def test_episodes_are_replayed_in_any_vector_environment(tmp_path, runner):
    rows = write_results(tmp_path / "x.jsonl", {"push": "sf", "turn": "s"})
    episodes = [EpisodeRow(read_sources([tmp_path / "x.jsonl"]).results[0], row) for row in rows]
    made: list[LocalSlots] = []

    def make_slots(num_episodes: int) -> LocalSlots:
        made.append(LocalSlots(2, build))
        return made[-1]

    with closing(ReplayRunner(build, make_slots)) as local:
        found = dict(local.replay(episodes, images=False))
        again = dict(local.replay(episodes[:1], images=True))
    assert len(made) == 1
    expected = dict(runner.replay(episodes, images=False))
    for index, one in expected.items():
        assert found[index].mismatch is one.mismatch is None
        np.testing.assert_array_equal(found[index].states, one.states)
    assert again[0].images


def test_tasks_take_turns_and_the_largest_begins(tmp_path):
    rows = write_results(tmp_path / "x.jsonl", {"push": "f", "turn": "fff", "lift": "ff"})
    drawn = draw_by_task(rows, lambda row: row)
    assert [row.task for row in drawn] == ["turn", "lift", "push", "turn", "lift", "turn"]
    turns = [row.start for row in drawn if row.task == "turn"]
    assert turns == sorted(turns)


def test_the_order_of_the_file_does_not_matter(tmp_path):
    rows = write_results(tmp_path / "x.jsonl", {"push": "ff", "turn": "fff"})
    assert draw_by_task(rows[::-1], lambda row: row) == draw_by_task(rows, lambda row: row)
    wrapped = [(replace(row), "kept") for row in rows]
    assert [item[0] for item in draw_by_task(wrapped, lambda item: item[0])] == draw_by_task(rows, lambda row: row)
