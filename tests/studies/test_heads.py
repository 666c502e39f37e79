"""The study of heads, end to end at a small scale, with two of them."""

import json

import pytest

from praxia.core.errors import PraxiaError, UnknownName
from praxia.studies import heads as module


@pytest.mark.timeout(250)
def test_heads_are_compared_on_the_same_data_and_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEADS", ("fast",))
    monkeypatch.setattr(module, "_verdict", lambda rows: (True, ""))
    found = module.heads(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, arena="bimodal", seeds=2)
    assert found["arena"] == "bimodal"
    assert found["expert"] == 1
    (row,) = found["rows"]
    assert row["head"] == "fast"
    assert 0 < row["tokens_per_action"] <= 2
    assert len(row["per_seed"]) == 2
    assert sum(row["modes"]) <= 1
    assert row["ci95"][0] <= row["success"] <= row["ci95"][1]
    assert min(row["ms_per_chunk"], row["parameters"], row["samples_per_s"]) > 0
    starts = {
        tuple(json.loads(line)["start"] for line in (tmp_path / f"judged-fast-{at}.jsonl").read_text().splitlines())
        for at in (0, 1)
    }
    assert len(starts) == 1
    page = (tmp_path / "report.html").read_text()
    for words in ("Heads on bimodal", "tokens an action", "committed"):
        assert words in page, words
    with pytest.raises(PraxiaError, match="finished study"):
        module.heads(tmp_path, seed=0, workers=1, scale=0.03, report=lambda *_: None)


def test_an_unknown_arena_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="bimodal"):
        module.heads(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, arena="bimodl")


def test_a_side_needs_a_verdict_on_both():
    def row(head, success, modes=(0.5, 0.5)):
        return {"head": head, "success": success, "modes": list(modes)}

    good = [row(name, 0.95) for name in ("flow", "diffusion-unet", "bins", "fast")]
    assert module._verdict([*good, row("regression", 0.0)])[0]
    assert not module._verdict([*good, row("regression", 0.95)])[0]
    assert not module._verdict([*good[:-1], row("fast", 0.95, (0.1, 0.9)), row("regression", 0.0)])[0]
