"""The study of delays, end to end at a small scale, with the remedies that need no training of their own."""

from dataclasses import replace

import pytest

from praxia.core.errors import UnknownName
from praxia.results.rows import read_rows
from praxia.studies import delay as module


@pytest.mark.timeout(250)
@pytest.mark.slow
def test_remedies_are_compared_at_four_delays_on_the_same_starts(tmp_path, monkeypatch):
    small = replace(module.ARENAS["bimodal"], remedies=("ensembling", "rtc-identity", "trained-prefix"))
    monkeypatch.setitem(module.ARENAS, "bimodal", small)
    found = module.delay(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, arena="bimodal")
    assert (found["arena"], found["chunk"]) == ("bimodal", 8)
    rows = {(row["method"], row["delay"]): row for row in found["rows"]}
    untrained = {(method, delay) for method in ("naive", "ensembling", "rtc-identity") for delay in (0, 2, 4, 8)}
    assert set(rows) == untrained | {("trained-prefix", delay) for delay in (0, 2, 4)}
    keys = {"method", "delay", "success", "ci95", "starved", "age", "observation_hz", "cost_of_base", "verdict"}
    for (method, delay), row in rows.items():
        assert set(row) == keys
        assert row["ci95"][0] <= row["success"] <= row["ci95"][1]
        assert (row["age"] is None) == (delay == 0)
        assert (row["verdict"] is None) == (method == "naive")
        assert row["cost_of_base"] > 0
        assert delay > 4 or row["starved"] == 0
    assert rows["naive", 4]["cost_of_base"] == 1
    # At once ensembling decides at each of the eight steps of a chunk.
    assert rows["ensembling", 0]["observation_hz"] == 8 * rows["naive", 0]["observation_hz"]
    starts = {
        tuple(row.start for row in read_rows(tmp_path / f"eval-{method}-{delay}.jsonl")) for method, delay in rows
    }
    assert len(starts) == 1
    page = (tmp_path / "report.html").read_text()
    for text in ("Delay on bimodal", "bimodal/delay-4", "against naive"):
        assert text in page, text


def row(method, delay, success, verdict=None):
    return {"method": method, "delay": delay, "success": success, "verdict": verdict}


def test_a_remedy_must_win_back_half_by_a_verdict():
    naive = [row("naive", 0, 0.9), row("naive", 4, 0.5)]

    def passes(*more):
        return module._verdict([*naive, *more], 4)[0]

    assert passes(row("rtc", 4, 0.7, "better"))
    assert not passes(row("rtc", 4, 0.69, "better"))
    assert not passes(row("rtc", 4, 0.8, "undecided"))
    assert not passes(row("rtc", 2, 0.8, "better"))
    # Where nothing was lost there is nothing to win back.
    assert not module._verdict([row("naive", 0, 0.9), row("naive", 4, 0.9), row("rtc", 4, 0.95, "better")], 4)[0]


def test_an_unknown_arena_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="tabletop"):
        module.delay(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, arena="tabeltop")
