import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from ball_world import EMBODIMENT, build, judge, run_episode

from praxia.core.types import EnvSpec, Start
from praxia.results.rows import Row
from praxia.rollout.slots import LocalSlots
from praxia.studio.mp4 import encode_mp4
from praxia.studio.repetition import Episode, Repeater, Take, repeat
from praxia.studio.sources import ResultsFile, gather
from praxia.studio.videos import video, video_episodes, video_pairs, worth_seeing


def decode(mp4):
    with av.open(io.BytesIO(mp4)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return stream, frames


def where_the_ball_is(image):
    """Across, as a fraction of the image's width."""
    reddish = image[..., 0].astype(int) - image[..., 2] > 40
    return np.nonzero(reddish)[1].mean() / image.shape[1]


def take(speed=0.03, goal=0.75, **changes):
    start = Start("ball", "push", {"goal": goal})
    actions, success_step = run_episode(start, speed)
    row = Row("b", "push", start.key, "p", None, "success", len(actions), success_step, 1.0, "", None, 0.0)
    episode = Episode(ResultsFile(Path("x.jsonl"), (), {}), replace(row, **changes))
    return Take(episode, EnvSpec("ball", "push", size=64), start, actions, EMBODIMENT, "side")


def shoot(*takes):
    """One film of all takes, side by side."""
    done = dict(repeat(dict(enumerate(takes)), LocalSlots(2, build)))
    return video(*(done[place] for place in sorted(done)))


def test_a_film_shows_every_third_step_at_the_robots_own_speed():
    shown = shoot(take())
    assert shown.mismatches == ()
    assert shown.instruction == "roll <b>push</b>"
    stream, frames = decode(shown.mp4)
    # 26 steps: the start, eight times three steps, and two more; then the end stands half a second.
    assert len(frames) == 1 + 9 + 13
    assert float(stream.average_rate) == pytest.approx(80 / 3, rel=1e-3)
    middle = [where_the_ball_is(frames[number]) for number in (3, 6)]
    assert middle == pytest.approx([0.27, 0.54], abs=0.02)
    assert np.abs(frames[-1].astype(int) - frames[9]).mean() < 2


def test_films_keep_to_what_browsers_play():
    stream, _ = decode(shoot(take()).mp4)
    assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    mp4 = encode_mp4([np.zeros((64, 64, 3), np.uint8)], 10.0)
    assert mp4.index(b"moov") < mp4.index(b"mdat"), "the index comes first"


def test_the_same_images_make_the_same_film():
    images = list(np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8))
    assert encode_mp4(images, 10.0) == encode_mp4(images, 10.0)


def test_another_outcome_than_the_row_has_is_said():
    (mismatch,) = shoot(take(success_step=20)).mismatches
    counted, repeated = mismatch.split(", but its ")
    assert counted == "counted was success at step 20 in 26 steps"
    assert repeated == "repetition had success at step 26 in 26 steps"


def test_a_crash_of_the_repetition_is_said_and_what_was_seen_is_kept():
    one = take()
    start = Start("ball", "push", {"goal": 0.75, "crash_at": 10})
    shown = shoot(replace(one, start=start))
    assert shown.mismatches == ("the repetition crashed: RuntimeError: the ball burst",)
    assert len(decode(shown.mp4)[1]) == 4 + 13


def test_two_episodes_stand_side_by_side_and_the_shorter_waits_at_its_end():
    fast, slow = take(speed=0.03), take(speed=0.015)
    shown = shoot(fast, slow)
    assert [row.steps for row in shown.rows] == [26, 51]
    _, frames = decode(shown.mp4)
    # 51 steps are 17 times three, and the start; the end stands half a second.
    assert len(frames) == 1 + 17 + 13
    assert frames[0].shape == (32, 32 + 8 + 32, 3)
    halves = [[where_the_ball_is(frame[:, :32]), where_the_ball_is(frame[:, 40:])] for frame in (frames[6], frames[17])]
    assert halves[0] == pytest.approx([0.54, 0.27], abs=0.03)
    assert halves[1] == pytest.approx([0.77, 0.77], abs=0.03)


def test_pairs_are_filmed_in_worker_processes_in_the_order_asked_for(tmp_path, repeater):
    judge(tmp_path / "a.jsonl", {"push": "sf"})
    judge(tmp_path / "b.jsonl", {"push": "fs"}, policy="other", sha256="0ther")
    a, b = gather([tmp_path]).results
    first, second = video_pairs([(Episode(a, x), Episode(b, y)) for x, y in zip(a.rows, b.rows, strict=True)], repeater)
    assert [row.status for row in first.rows] == ["success", "failure"]
    assert [row.status for row in second.rows] == ["failure", "success"]
    assert first.mismatches == second.mismatches == ()
    assert decode(first.mp4)[1][0].shape == (256, 520, 3)


def test_a_pair_of_which_one_cannot_be_repeated_has_no_film_and_says_why(tmp_path, repeater):
    judge(tmp_path / "a.jsonl", {"push": "s"})
    (row,) = judge(tmp_path / "b.jsonl", {"push": "f"}, policy="other", sha256="0ther")
    (tmp_path / "b.jsonl.actions" / f"{row.start}.safetensors").unlink()
    a, b = gather([tmp_path]).results
    (shown,) = video_pairs([(Episode(a, a.rows[0]), Episode(b, b.rows[0]))], repeater)
    assert shown.mp4 is None
    assert shown.instruction == "roll <b>push</b>"
    (mismatch,) = shown.mismatches
    assert row.start in mismatch


def test_a_draw_by_lot_and_not_the_first_in_the_file(tmp_path):
    rows = judge(tmp_path / "x.jsonl", {"push": "sssff", "turn": "ffe", "lift": "ss"})
    chosen = worth_seeing(rows)
    assert [(row.task, row.status) for row in chosen] == [
        ("push", "success"),
        ("push", "failure"),
        ("turn", "failure"),
        ("lift", "success"),
    ]
    assert chosen[0].start == min(row.start for row in rows if (row.task, row.status) == ("push", "success"))
    assert worth_seeing(rows[::-1])[-2:] == chosen[:2]


def test_films_of_a_results_file_are_made_in_worker_processes(tmp_path, repeater):
    judge(tmp_path / "x.jsonl", {"push": "sf", "turn": "f"})
    videos = video_episodes(gather([tmp_path]).results[0], repeater)
    assert [(one.rows[0].task, one.rows[0].status, one.mismatches) for one in videos] == [
        ("push", "success", ()),
        ("push", "failure", ()),
        ("turn", "failure", ()),
    ]
    assert decode(videos[0].mp4)[1][0].shape == (256, 256, 3)


def test_a_film_without_its_actions_says_so(tmp_path, repeater):
    (row,) = judge(tmp_path / "x.jsonl", {"push": "s"})
    (tmp_path / "x.jsonl.actions" / f"{row.start}.safetensors").unlink()
    (shown,) = video_episodes(gather([tmp_path]).results[0], repeater)
    assert shown.mp4 is None
    assert row.start in shown.mismatches[0]


@pytest.mark.gl
def test_metaworld_is_filmed(tmp_path):
    from praxia.envs import build, find_family
    from praxia.results.store import Replay, ResultsStore

    family = find_family("metaworld")
    start = family.draw_start("door-open", "test", 0)
    spec = EnvSpec("metaworld", "door-open", "fast", 64)
    out = tmp_path / "x.jsonl"
    store = ResultsStore(out)
    judged = {"benchmark": {"name": "m"}, "policy_sha256": "zero", "control": None}
    store.begin({"command": "praxia eval zero", "fingerprint": judged}, resume=False)
    row = Row("m", "door-open", start.key, "zero", None, "failure", 12, None, 0.0, "", None, 0.1)
    store.append(row, Replay(spec, start, np.zeros((12, 4), np.float32)))
    store.close()
    with closing(Repeater(build)) as repeater:
        (shown,) = video_episodes(gather([out]).results[0], repeater)
    assert shown.mismatches == ()
    assert shown.instruction == family.instructions["door-open"]
    _, frames = decode(shown.mp4)
    assert len(frames) == 1 + 4 + 13
    assert frames[0].shape == (256, 256, 3)
    assert frames[0].std() > 20, "there is something to see"
    assert json.loads((tmp_path / "x.jsonl.meta.json").read_text())["command"] == "praxia eval zero"
