"""The study of worlds at a small scale."""

import json
from dataclasses import replace

import pytest

from praxia.core.errors import UnknownName
from praxia.studies import tworoom
from praxia.studies import worlds as module

REACHED = [
    {"agent": "CEM", "data": "expert", "goals": 34, "success": 0.8, "decision_ms": 700.0},
    {"agent": "inverse dynamics", "data": "expert", "goals": 100, "success": 0.97, "decision_ms": 2.0},
]


@pytest.mark.slow
def test_worlds_are_measured_and_agents_beside_plans_in_them_reach_goals_or_not(tmp_path, monkeypatch):
    run = tworoom.lewm_tworoom()
    small = replace(run, train=replace(run.train, batch_size=8), model=replace(run.model, num_projections=16, depth=1))
    monkeypatch.setattr(tworoom, "lewm_tworoom", lambda: small)
    monkeypatch.setattr(tworoom, "SOLVER", replace(tworoom.SOLVER, samples=8, iterations=1, elites=2))
    found = module.worlds(tmp_path, seed=0, workers=1, scale=0.01, report=lambda *_: None, parts="tworoom")
    rows = [row for row in found["rows"] if "model" in row]
    assert [row["model"] for row in rows] == ["lewm", "without SIGReg", "random data"]
    assert [row["steps"] for row in rows] == [
        json.loads((tmp_path / one / "run.json").read_text())["config"]["train"]["steps"]
        for one in ("lewm-0", "without-sigreg-0", "random-data-0")
    ]
    assert [row["data"] for row in rows] == ["expert", "expert", "random"]
    assert all(len(row["open_loop"]) == 5 and row["probe_r2"] <= 1 for row in rows)
    agents = [row for row in found["rows"] if "agent" in row]
    assert [(row["agent"], row["data"]) for row in agents] == [
        ("random actions", None),
        ("standing still", None),
        ("behaviour cloning, no goal", "expert"),
        ("behaviour cloning to goals", "expert"),
        ("CEM", "expert"),
        ("CEM", "random"),
        ("inverse dynamics", "expert"),
        ("inverse dynamics", "random"),
    ]
    for row in agents:
        assert row["goals"] == len(row["per_task"]) == 2
        assert row["decision_ms"] > 0
    assert agents[1]["success"] == 0
    assert set(found["passed"]) == {"tworoom"}
    assert json.loads((tmp_path / "summary.json").read_text())["rows"] == found["rows"]
    page = (tmp_path / "report.html").read_text()
    assert "Worlds on TwoRoom" in page
    assert "Goals 25 steps away" in page


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
    assert module.PARTS["tworoom"].passes([good, collapsed, *REACHED]) == passes
    assert not module.PARTS["tworoom"].passes([good, collapsed | {"latent_std": 0.9}, *REACHED])


def test_goals_of_all_training_seeds_count_together():
    known = [
        {"model": "lewm", "probe_r2": 0.995, "open_loop": [0.01] * 5, "latent_std": 1.0},
        {"model": "without SIGReg", "probe_r2": 0.1, "open_loop": [1.0] * 5, "latent_std": 0.01},
    ]
    passes, (cem, inverse) = module.PARTS["tworoom"].passes, REACHED
    assert passes([*known, inverse, cem | {"goals": 10, "success": 0.4}, cem | {"goals": 30, "success": 0.8}])
    assert not passes([*known, inverse, cem | {"goals": 20, "success": 0.4}, cem | {"goals": 30, "success": 0.8}])
    assert not passes([*known, inverse, cem | {"data": "random"}])
    assert not passes([*known, inverse, cem | {"success": None}])
    assert not passes([*known, cem, inverse | {"success": 0.94}])
    assert not passes([*known, cem, inverse | {"decision_ms": 5.1}])


def test_planning_cost_is_a_table_of_the_report(tmp_path, monkeypatch):
    row = {"tokens": 1, "candidates": 300, "blocks": 5, "iteration_s": 0.1234, "plan_s": 3.7}
    monkeypatch.setattr(module, "planning_cost", lambda candidates: [row | {"tokens": one} for one in (1, 16, 64, 196)])
    found = module.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="cost")
    assert found["passed"] == {}, "it claims nothing"
    assert [one["tokens"] for one in found["rows"]] == [1, 16, 64, 196]
    page = (tmp_path / "report.html").read_text()
    assert "Planning cost" in page
    assert "0.123" in page


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="nearest: tworoom"):
        module.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="tworom")
