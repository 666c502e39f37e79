import numpy as np
import pytest
from ball_world import page_without_videos, text_of, write_results
from scipy.stats import t, ttest_rel


def shown(text):
    """ "1,234 ± 5.6" as two numbers."""
    return [float(part.replace(",", "").replace("−", "-")) for part in text.split(" ± ")]


def half_width(values):
    low, high = t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=np.std(values, ddof=1) / len(values) ** 0.5
    )
    return (high - low) / 2


def test_two_policies_are_compared_where_both_succeeded(tmp_path, document):
    a = write_results(tmp_path / "a.jsonl", {"push": "sssssf", "turn": "ssss"}, policy="runs/first")
    b = write_results(tmp_path / "b.jsonl", {"push": "fsssss", "turn": "ffss"}, policy="runs/second", sha256="2")
    both = [(x, y) for x, y in zip(a, b, strict=True) if x.status == y.status == "success"]
    rows = document(page_without_videos(tmp_path))
    paths = np.array([[x.path_length for x, _ in both], [y.path_length for _, y in both]])
    _, ours, theirs, difference, starts = rows.row("path")
    assert starts == str(len(both)) == "6"
    assert shown(ours) == pytest.approx([paths[0].mean(), half_width(paths[0])], rel=0.05)
    assert shown(theirs) == pytest.approx([paths[1].mean(), half_width(paths[1])], rel=0.05)
    assert shown(difference) == [0.0], "both roll at the same speed from the same start"
    assert shown(rows.row("steps to success")[1])[0] == pytest.approx(np.mean([x.success_step for x, _ in both]))


def test_the_difference_is_paired(tmp_path, document):
    """Starts differ a lot, and the second policy is 1 or 2 steps slower from each: an unpaired test misses it."""
    from dataclasses import replace

    from praxia.results.rows import write_rows

    a = write_results(tmp_path / "a.jsonl", {"push": "ssssss"}, policy="runs/first")
    b = write_results(tmp_path / "b.jsonl", {"push": "ssssss"}, policy="runs/second", sha256="2")
    steps = [10, 20, 30, 40, 50, 60]
    slower = [11, 22, 31, 42, 51, 62]
    write_rows(tmp_path / "a.jsonl", [replace(row, success_step=step) for row, step in zip(a, steps, strict=True)])
    write_rows(tmp_path / "b.jsonl", [replace(row, success_step=step) for row, step in zip(b, slower, strict=True)])
    difference = shown(document(page_without_videos(tmp_path)).row("steps to success")[3])
    interval = ttest_rel(steps, slower).confidence_interval()
    assert difference == pytest.approx([-1.5, (interval.high - interval.low) / 2], abs=0.01)


def test_without_a_pair_each_policy_is_measured_on_its_own_successes(tmp_path, document):
    rows = write_results(tmp_path / "a.jsonl", {"push": "sssf"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ffff"}, policy="zero", sha256="zero")
    write_results(tmp_path / "c.jsonl", {"push": "ssss"}, policy="expert", sha256="expert")
    write_results(tmp_path / "d.jsonl", {"push": "ssss"}, policy="runs/first", control="swapped-image")
    page = page_without_videos(tmp_path)
    shown_rows = document(page).rows
    head = next(at for at, row in enumerate(shown_rows) if row[1:2] == ["steps to success"])
    found = shown_rows[head + 1 : head + 3]
    assert [row[0] for row in found] == ["first", "expert"]
    paths = [row.path_length for row in rows if row.status == "success"]
    assert shown(found[0][2]) == pytest.approx([np.mean(paths), half_width(paths)], rel=0.05)
    assert found[0][4] == "3"
    assert "Each policy over its own successes" in text_of(page)


def test_without_successes_there_is_no_section(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ff"})
    assert "How they move" not in text_of(page_without_videos(tmp_path))


def test_two_successes_have_no_interval(tmp_path, document):
    """Student's t would give 50 ± 241 here."""
    from dataclasses import replace

    from praxia.results.rows import write_rows

    rows = write_results(tmp_path / "a.jsonl", {"push": "ssf"}, policy="runs/first")
    steps = [31, 69, None]
    write_rows(tmp_path / "a.jsonl", [replace(row, success_step=step) for row, step in zip(rows, steps, strict=True)])
    shown = document(page_without_videos(tmp_path)).rows
    assert next(row for row in shown if row[0] == "first" and row[-1] == "2")[1] == "50 (31 and 69)"


def test_one_success_has_no_interval(tmp_path, document):
    (row, _) = write_results(tmp_path / "a.jsonl", {"push": "sf"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "sf"}, policy="runs/second", sha256="2")
    assert document(page_without_videos(tmp_path)).row("steps to success")[1] == str(row.success_step)
