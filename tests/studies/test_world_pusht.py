from dataclasses import replace

import pytest

from praxia.planning.cem import CEM
from praxia.studies import world_pusht as module
from praxia.studies import worlds

ROWS = [
    {"model": "LeWM, CEM", "seed": 0, "success": 0.5, "ci95": [0.3, 0.7], "episodes": 20, "probe_r2": 0.9},
    {"model": "random actions", "seed": 0, "success": 0.1, "ci95": [0.0, 0.2], "episodes": 20},
    {"model": "holds still", "seed": 0, "success": 0.0, "ci95": [0.0, 0.1], "episodes": 20},
]


def test_the_table_names_the_published_rows_and_every_difference():
    table = module.pusht_table(ROWS)
    assert ["LeWM, as published", "–", "96%"] in [row[:3] for row in table["rows"]]
    assert ["DINO-WM, as published", "–", "90%"] in [row[:3] for row in table["rows"]]
    assert table["rows"][0] == ["LeWM, CEM", "0", "50.0%", "30.0%–70.0%", "20", "0.900"]
    assert all(one in table["note"] for one in module.DIFFERENCES)


def test_rows_without_a_bar_pass_and_miss_none(tmp_path, monkeypatch):
    part = replace(worlds.PARTS["pusht"], measure=lambda *_: ROWS)
    monkeypatch.setattr(worlds, "PARTS", {"pusht": part})
    found = worlds.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="pusht")
    assert (found["passed"], found["expected"], found["got"]) == ({}, "", "")
    assert len(found["rows"]) == 3


@pytest.mark.slow
def test_a_world_plans_on_pusht_beside_chance(tmp_path, monkeypatch):
    run = module.lewm_pusht()
    small = replace(run, train=replace(run.train, batch_size=8), model=replace(run.model, num_projections=16, depth=1))
    monkeypatch.setattr(module, "lewm_pusht", lambda: small)
    monkeypatch.setattr(module, "SOLVER", CEM(samples=6, iterations=1, elites=2))
    found = worlds.worlds(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, parts="pusht")
    assert [row["model"] for row in found["rows"]] == ["LeWM, CEM", "random actions", "holds still"]
    assert found["passed"] == {}
    assert found["rows"][0]["steps"] == 80
    assert "as published" in (tmp_path / "report.html").read_text()
