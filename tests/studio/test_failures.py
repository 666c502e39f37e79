import re

import pytest
from ball_world import build, judge, text_of

from praxia.studio import failures as module
from praxia.studio.comparison import compare
from praxia.studio.failures import failures_of, group_of
from praxia.studio.report import report
from praxia.studio.sources import gather


def failures_in(root, repeater):
    (comparison,) = compare(gather([root]))
    return failures_of(comparison, repeater)


def test_groups_are_thirds_of_the_reference_and_its_end():
    assert [group_of(share) for share in (0.0, 0.33, 0.34, 0.66, 0.67, 0.89, 0.9, 1.0)] == [
        *("early", "early", "middle", "middle"),
        *("late", "late", "to its end", "to its end"),
    ]


def test_failures_are_held_against_the_expert_and_else_against_the_other(tmp_path, repeater):
    # Slow ones get 40% of the way, backward ones nowhere. The expert fails at the third start, the other does not.
    judge(tmp_path / "a.jsonl", {"push": "fbfs", "turn": "bf"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ssss", "turn": "ff"}, policy="runs/second", sha256="2")
    judge(tmp_path / "expert.jsonl", {"push": "ssfs", "turn": "ff"}, policy="expert", sha256="expert")
    (first,) = failures_in(tmp_path, repeater)
    assert first.policy == "first"
    assert (first.num_failed, first.num_referred, first.unfit) == (5, 3, ())
    slow, backwards = ([one for one in first.found if one.group == group] for group in ("middle", "early"))
    assert {one.reference for one in first.found} == {"expert", "second"}
    assert [one.followed.share for one in slow] == pytest.approx([0.41, 0.41], abs=0.03)
    assert [one.followed.left_step for one in slow] == [None, None], "slow is not elsewhere"
    (back,) = backwards
    # Of a range of 0.78 15% are 0.117, which 0.01 a step have left behind after 12 steps.
    assert back.followed.left_step == pytest.approx(12, abs=1)
    assert back.followed.share == 0.0
    assert {name: video.rows[0].status for name, video in first.videos.items()} == {
        "early": "failure",
        "middle": "failure",
    }
    assert all(video.rows[1].status == "success" for video in first.videos.values())


def test_without_anybody_who_succeeded_there_is_nothing_to_say(tmp_path, repeater):
    judge(tmp_path / "a.jsonl", {"push": "ff"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ff"}, policy="expert", sha256="expert")
    assert failures_in(tmp_path, repeater) == []


def test_no_more_are_repeated_than_the_limit_and_tasks_share_it(tmp_path, repeater, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 4)
    judge(tmp_path / "a.jsonl", {"push": "ffff", "turn": "ff"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ssss", "turn": "ss"}, policy="expert", sha256="expert")
    (first,) = failures_in(tmp_path, repeater)
    assert first.num_referred == 6
    assert sorted(one.row.task for one in first.found) == ["push", "push", "turn", "turn"]


def test_a_repetition_that_went_otherwise_is_left_out_and_said(tmp_path, repeater):
    rows = judge(tmp_path / "a.jsonl", {"push": "ff"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ss"}, policy="expert", sha256="expert")
    (tmp_path / "a.jsonl.actions" / f"{rows[0].start}.safetensors").unlink()
    (first,) = failures_in(tmp_path, repeater)
    assert [one.row.start for one in first.found] == [rows[1].start]
    (why,) = first.unfit
    assert rows[0].start in why


def test_the_page_counts_them_by_task_and_shows_one_of_each_group(tmp_path, document):
    judge(tmp_path / "a.jsonl", {"push": "fbbs", "turn": "bf"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "sssf", "turn": "sf"}, policy="expert", sha256="expert")
    page = report([tmp_path], tmp_path / "report.html", build=build).read_text()
    text = text_of(page)
    assert "Where first fails" in text
    assert "4 of 5 failures have a reference" in text
    table = document(page).rows[next(n for n, row in enumerate(document(page).rows) if "in its first third" in row) :]
    assert table[1] == ["push", "3", "2", "1", "·", "·", "12", "expert"]
    assert table[2] == ["turn", "1", "1", "·", "·", "·", "12", "expert"]
    assert table[3] == ["all", "4", "3", "1", "·", "·", "12", "expert"]
    labels = [values["aria-label"] for name, values in document(page).tags if name == "video"]
    assert sum("first: failure" in label and "expert: success" in label for label in labels) >= 2
    assert re.search(r"followed [34]\d% of the reference", text)
    assert "followed 0% of the reference, then left it, after step 12" in text
