import re

import pytest
from ball_world import build, text_of, write_results

from praxia.studio import failures as module
from praxia.studio.comparison import group_by_benchmark
from praxia.studio.failures import analyse_failures, group_of
from praxia.studio.report import write_report
from praxia.studio.sources import read_sources


def analyses_in(root, runner):
    (comparison,) = group_by_benchmark(read_sources([root]))
    return analyse_failures(comparison, runner)


def test_groups_are_thirds_of_the_reference_and_its_end():
    assert [group_of(share) for share in (0.0, 0.33, 0.34, 0.66, 0.67, 0.89, 0.9, 1.0)] == [
        *("early", "early", "middle", "middle"),
        *("late", "late", "to its end", "to its end"),
    ]


def test_the_reference_is_the_expert_and_else_the_other_policy(tmp_path, runner):
    # Slow episodes cover 40% of the path, backward ones nothing. The expert fails from the third start.
    write_results(tmp_path / "a.jsonl", {"push": "fbfs", "turn": "bf"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ssss", "turn": "ff"}, policy="runs/second", sha256="2")
    write_results(tmp_path / "expert.jsonl", {"push": "ssfs", "turn": "ff"}, policy="expert", sha256="expert")
    (first,) = analyses_in(tmp_path, runner)
    assert first.policy == "first"
    assert (first.num_failed, first.num_with_reference, first.mismatches) == (5, 3, ())
    slow, backwards = ([one for one in first.found if one.group == group] for group in ("middle", "early"))
    assert {one.reference for one in first.found} == {"expert", "second"}
    assert [one.match.share for one in slow] == pytest.approx([0.41, 0.41], abs=0.03)
    assert [one.match.diverged_step for one in slow] == [None, None], "a slower episode has not diverged"
    (back,) = backwards
    # 15% of a range of 0.78 is 0.117, which the ball passes after 12 steps of 0.01.
    assert back.match.diverged_step == pytest.approx(12, abs=1)
    assert back.match.share == 0.0
    assert {name: video.rows[0].status for name, video in first.videos.items()} == {
        "early": "failure",
        "middle": "failure",
    }
    assert all(video.rows[1].status == "success" for video in first.videos.values())


def test_without_a_successful_episode_there_is_no_analysis(tmp_path, runner):
    write_results(tmp_path / "a.jsonl", {"push": "ff"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ff"}, policy="expert", sha256="expert")
    assert analyses_in(tmp_path, runner) == []


def test_replays_are_limited_and_tasks_share_the_limit(tmp_path, runner, monkeypatch):
    monkeypatch.setattr(module, "_MAX_REPLAYS", 4)
    write_results(tmp_path / "a.jsonl", {"push": "ffff", "turn": "ff"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ssss", "turn": "ss"}, policy="expert", sha256="expert")
    (first,) = analyses_in(tmp_path, runner)
    assert first.num_with_reference == 6
    assert sorted(one.row.task for one in first.found) == ["push", "push", "turn", "turn"]


def test_a_replay_with_a_mismatch_is_excluded_and_reported(tmp_path, runner):
    rows = write_results(tmp_path / "a.jsonl", {"push": "ff"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ss"}, policy="expert", sha256="expert")
    (tmp_path / "a.jsonl.actions" / f"{rows[0].start}.safetensors").unlink()
    (first,) = analyses_in(tmp_path, runner)
    assert [one.row.start for one in first.found] == [rows[1].start]
    (reason,) = first.mismatches
    assert rows[0].start in reason


def test_the_page_counts_failures_by_task_and_shows_one_of_each_group(tmp_path, document):
    write_results(tmp_path / "a.jsonl", {"push": "fbbs", "turn": "bf"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "sssf", "turn": "sf"}, policy="expert", sha256="expert")
    page = write_report([tmp_path], tmp_path / "report.html", build=build).read_text()
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
    assert "followed 0% of the reference, diverged after step 12" in text
