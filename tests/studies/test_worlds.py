"""The study of worlds at a small scale."""

import json
from dataclasses import replace

import pytest

from praxia.core.errors import UnknownName
from praxia.studies import worlds as module


@pytest.mark.slow
def test_a_world_is_measured_with_and_without_sigreg_and_on_random_data(tmp_path, monkeypatch):
    run = module.lewm_tworoom()
    small = replace(run, train=replace(run.train, batch_size=8), model=replace(run.model, num_projections=16, depth=1))
    monkeypatch.setattr(module, "lewm_tworoom", lambda: small)
    found = module.worlds(tmp_path, seed=0, workers=1, scale=0.01, report=lambda *_: None, parts="tworoom")
    assert [row["model"] for row in found["rows"]] == ["lewm", "without SIGReg", "random data"]
    assert [row["steps"] for row in found["rows"]] == [
        json.loads((tmp_path / one / "run.json").read_text())["config"]["train"]["steps"]
        for one in ("lewm-0", "without-sigreg-0", "random-data-0")
    ]
    assert [row["data"] for row in found["rows"]] == ["expert", "expert", "random"]
    assert all(len(row["open_loop"]) == 5 and row["probe_r2"] <= 1 for row in found["rows"])
    assert set(found["passed"]) == {"tworoom"}
    assert json.loads((tmp_path / "summary.json").read_text())["rows"] == found["rows"]
    assert "Worlds on TwoRoom" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"probe_r2": 0.98}, False),
        ({"open_loop": [0.0] * 4 + [0.03]}, False),
        ({"open_loop": [None] * 5}, False),
    ],
)
def test_what_passes(changes, passes):
    good = {"model": "lewm", "probe_r2": 0.995, "open_loop": [0.01] * 5, "latent_std": 1.0} | changes
    collapsed = {"model": "without SIGReg", "probe_r2": 0.1, "open_loop": [1.0] * 5, "latent_std": 0.01}
    assert module.PARTS["tworoom"].passes([good, collapsed]) == passes
    assert not module.PARTS["tworoom"].passes([good, collapsed | {"latent_std": 0.9}])


def test_planning_cost_is_a_table_of_the_report(tmp_path, monkeypatch):
    row = {"tokens": 1, "candidates": 300, "blocks": 5, "iteration_s": 0.1234, "plan_s": 3.7}
    monkeypatch.setattr(module, "planning_cost", lambda candidates: [row | {"tokens": one} for one in (1, 16, 64, 196)])
    found = module.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="cost")
    assert found["passed"] == {"cost": True}
    assert [one["tokens"] for one in found["rows"]] == [1, 16, 64, 196]
    page = (tmp_path / "report.html").read_text()
    assert "Planning cost" in page
    assert "0.123" in page
    assert not module.PARTS["cost"].passes(found["rows"][:3])


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="nearest: tworoom"):
        module.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="tworom")
