import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from praxia.core.errors import DataError, MismatchError
from praxia.results.folder import is_results_file
from praxia.results.meta import meta_path
from praxia.results.offline import (
    META_SCHEMA,
    ActionTrace,
    ErrorSums,
    OfflineRow,
    OfflineStore,
    compare_offline,
    is_offline_file,
    read_offline,
    read_trace,
    summarise_offline,
)

NAMES = ("pan", "lift")
TRACE = ActionTrace(np.array([0, 2]), np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 0], [2, 4]], np.float32))
FINGERPRINT = {
    "policy_sha256": "f00d",
    "data": {"content_sha256": "da7a", "rate_hz": 10.0, "view": {}},
    "episodes": [0, 1, 2, 3],
    "stride": 1,
    "dims": {"pan": "rad", "lift": "rad"},
}


def sums(error, counts=(3, 2)):
    """Errors of `error` [H, A] in every compared chunk."""
    found = ErrorSums(len(counts), len(NAMES))
    valid = np.arange(max(counts))[:, None] < np.array(counts)
    predicted = np.broadcast_to(np.asarray(error, np.float64), (max(counts), len(counts), len(NAMES)))
    found.add(predicted, np.zeros(predicted.shape), valid)
    return found


def made_row(episode, scale, counts=(3, 2)):
    error = scale * np.arange(1, 2 * len(counts) + 1).reshape(len(counts), 2)
    ours, baseline = sums(error, counts), sums(2 * np.ones((len(counts), 2)), counts)
    return OfflineRow(episode, "walk", "f00d", 3, 3, list(counts), ours.errors(NAMES), baseline.errors(NAMES))


def write(path, rows, **changes):
    store = OfflineStore(path)
    fingerprint = {**FINGERPRINT, "episodes": [row.episode for row in rows], **changes}
    store.begin({"schema": META_SCHEMA, "data": "d", "baseline": {}, "fingerprint": fingerprint}, resume=False)
    for row in rows:
        store.append(row, TRACE)
    store.close()
    return path


def test_means_weigh_every_compared_step_alike():
    found = sums([[1.0, -3.0], [2.0, 0.0]]).errors(NAMES)
    assert found.mae_per_dim == {"pan": (3 * 1 + 2 * 2) / 5, "lift": 3 * 3 / 5}
    assert found.mae == pytest.approx((7 + 9) / 10)
    assert found.mse == pytest.approx((3 * 1 + 2 * 4 + 3 * 9) / 10)
    assert found.mae_per_step == [2.0, 1.0]


def test_the_summary_has_t_intervals_over_episodes_and_the_ratio():
    scales = np.array([0.5, 1.0, 0.25, 2.0])
    summary = summarise_offline([made_row(number, scale) for number, scale in enumerate(scales)])
    pan = scales * (3 * 1 + 2 * 3) / 5
    low, high = stats.t.interval(0.95, 3, pan.mean(), stats.sem(pan))
    assert summary["policy"]["mae_per_dim"]["pan"]["mean"] == pytest.approx(pan.mean(), rel=1e-12)
    assert summary["policy"]["mae_per_dim"]["pan"]["ci95"] == pytest.approx([low, high], rel=1e-9)
    assert summary["policy"]["mae_per_step"][1]["mean"] == pytest.approx(3.5 * scales.mean())
    assert summary["baseline"]["mae"] == {"mean": 2.0, "ci95": [2.0, 2.0]}
    assert summary["ratio"]["mae_per_dim"]["pan"] == pytest.approx(pan.mean() / 2)
    assert "no substitute for success rates" in summary["note"]
    assert (summary["episodes"], summary["frames"]) == (4, 12)


def test_one_episode_has_no_interval_and_an_unreached_step_no_mean():
    summary = summarise_offline([made_row(0, 1.0, (1, 0))])
    assert summary["policy"]["mae"]["ci95"] is None
    assert summary["policy"]["mae_per_step"][1] is None
    assert summary["ratio"]["mae_per_step"][1] is None


def test_two_files_are_compared_by_episode(tmp_path):
    scales = np.array([[0.5, 0.9], [1.0, 1.3], [0.25, 0.7], [2.0, 2.45]])
    a, b = (
        write(tmp_path / f"{name}.jsonl", [made_row(number, scale) for number, scale in enumerate(column)])
        for name, column in zip("ab", scales.T, strict=True)
    )
    found = compare_offline(a, b)
    ours, theirs = (column * (3 * 3 + 2 * 7) / 10 for column in scales.T)
    interval = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert found["mae"]["difference"] == pytest.approx((ours - theirs).mean(), rel=1e-9)
    assert found["mae"]["ci95"] == pytest.approx([interval.low, interval.high], rel=1e-9)
    assert found["mae"]["means"] == pytest.approx([ours.mean(), theirs.mean()])
    assert (found["mae"]["lower"], compare_offline(b, a)["mae"]["lower"]) == ("a", "b")
    assert compare_offline(a, a)["mae"]["lower"] == "undecided"
    assert "no substitute for success rates" in found["note"]


def test_chunks_of_two_lengths_are_compared_over_the_steps_of_both(tmp_path):
    short = write(tmp_path / "short.jsonl", [made_row(number, 1.0, (3,)) for number in range(4)])
    long = write(tmp_path / "long.jsonl", [made_row(number, 1.0) for number in range(4)])
    found = compare_offline(short, long)
    assert found["chunk_steps"] == 1
    assert found["mae"]["difference"] == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data": {"content_sha256": "other", "rate_hz": 10.0}}, "content_sha256 is 'da7a', but 'other'"),
        ({"stride": 2}, "stride is 1, but 2"),
        ({"episodes": [0, 1, 2, 5]}, "episodes is"),
        ({"dims": {"lift": "rad", "pan": "deg"}}, "pan is 'rad', but 'deg'"),
    ],
)
def test_files_of_other_actions_are_refused(tmp_path, changes, expected):
    rows = [made_row(number, 1.0) for number in range(4)]
    a, b = write(tmp_path / "a.jsonl", rows), write(tmp_path / "b.jsonl", rows, **changes)
    with pytest.raises(MismatchError, match=expected):
        compare_offline(a, b)


def test_an_incomplete_file_is_refused_with_the_way_to_finish_it(tmp_path):
    rows = [made_row(number, 1.0) for number in range(4)]
    whole = write(tmp_path / "a.jsonl", rows)
    part = write(tmp_path / "b.jsonl", rows[:2], episodes=[0, 1, 2, 3])
    with pytest.raises(DataError, match=r"b.jsonl lacks 2 of its episodes: .*--resume"):
        compare_offline(whole, part)
    with pytest.raises(DataError, match="no rows yet"):
        read_offline(write(tmp_path / "c.jsonl", []))


def test_rows_are_read_back_as_they_were_written(tmp_path):
    rows = [made_row(number, 0.1) for number in range(3)]
    path = write(tmp_path / "a.jsonl", rows)
    found, meta = read_offline(path)
    assert [json.loads(row.line()) for row in found] == [json.loads(row.line()) for row in rows]
    assert meta["fingerprint"]["stride"] == 1
    assert np.array_equal(read_trace(path, 2).predicted, TRACE.predicted)
    with pytest.raises(DataError, match=r"000009.safetensors cannot be read"):
        read_trace(path, 9)
    assert not is_results_file(path)
    assert is_offline_file(path)
    meta_path(path).unlink()
    assert is_offline_file(path)
    (tmp_path / "other.jsonl").write_text('{"loss": 1}\n')
    assert not is_offline_file(tmp_path / "other.jsonl")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("offline_row.v1", "offline_row.v9"), "line 1 has schema 'praxia.offline_row.v9'"),
        (lambda text: text.replace('"mse"', '"mes"'), "line 1 is damaged"),
        (lambda text: text + text, "episode 0 twice"),
        (lambda text: "[]\n", "line 1 is damaged"),
    ],
)
def test_damaged_rows_are_refused(tmp_path, change, expected):
    path = write(tmp_path / "a.jsonl", [made_row(0, 1.0)])
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=expected):
        read_offline(path)


def test_the_files_belong_to_one_writer_and_one_evaluation(tmp_path):
    path = write(tmp_path / "a.jsonl", [made_row(0, 1.0)])
    meta = json.loads(meta_path(path).read_text())
    other = {**meta, "fingerprint": {**meta["fingerprint"], "policy_sha256": "beef"}}
    store = OfflineStore(path)
    with pytest.raises(MismatchError, match="policy_sha256 was 'f00d', is 'beef'"):
        store.begin(other, resume=True)
    (kept,) = store.begin(meta, resume=True)
    assert dataclasses.asdict(kept)["episode"] == 0
    store.close()
