"""Ranks inside a world beside those of the simulator: the measures, and the part of the study at a small scale."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from praxia.studies import world_ranking, worlds
from praxia.studies.world_ranking import mmrv, ranking_passes, ranking_table, spearman


@pytest.mark.parametrize("seed", range(4))
def test_spearman_is_scipys(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(6, size=20) / 5, rng.integers(6, size=20) / 5
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert spearman(x, np.ones(20)) == 0, "scipy has NaN"


def test_mmrv_is_the_real_difference_that_an_order_gets_wrong():
    real = np.array([0.9, 0.5, 0.1])
    assert mmrv(np.array([0.3, 0.2, 0.1]), real) == 0
    # The first two change places, .4 apart: that is the worst of both, and the third is in its place.
    assert mmrv(np.array([0.2, 0.3, 0.1]), real) == pytest.approx((0.4 + 0.4 + 0) / 3)
    assert mmrv(np.array([0.1, 0.2, 0.3]), real) == pytest.approx((0.8 + 0.4 + 0.8) / 3)


def summary(**changes):
    others = {"training_step": {"spearman": 0.5, "spearman_ci95": [0.1, 0.8]}}
    row = {"seed": 0, "spearman": 0.8, "spearman_ci95": [0.5, 0.9], "mmrv": 0.1, "baselines": others}
    return row | changes


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"spearman": 0.69}, False),
        ({"spearman_ci95": [0.4, 0.9]}, False),
        ({"baselines": {"training_step": {"spearman": 0.81, "spearman_ci95": [0.5, 0.9]}}}, False),
    ],
)
def test_what_passes(changes, passes):
    assert ranking_passes([summary(), summary(**changes)]) == passes
    assert not ranking_passes([])


@pytest.mark.slow
def test_policies_are_ranked_in_the_simulator_and_in_a_world(tmp_path, monkeypatch):
    monkeypatch.setattr(world_ranking, "RECIPES", {"regression": world_ranking.RECIPES["regression"]})
    monkeypatch.setattr(world_ranking, "KEPT", (20, 100))
    monkeypatch.setattr(world_ranking, "DRAWS", 20)
    monkeypatch.setattr("praxia.worlds.probe.STEPS", 50)
    monkeypatch.setattr("praxia.worlds.probes.NUM_WINDOWS", 100)
    run = world_ranking.lewm_tworoom()
    small = replace(run, train=replace(run.train, batch_size=8), model=replace(run.model, num_projections=16, depth=1))
    monkeypatch.setattr(world_ranking, "lewm_tworoom", lambda: small)
    found = worlds.worlds(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, parts="ranking")
    *rows, whole = found["rows"]
    assert [(row["recipe"], row["step"], row["real_episodes"]) for row in rows] == [
        ("regression", 20, 4),
        ("regression", 100, 4),
    ]
    assert (whole["policies"], whole["recipes"], whole["episodes"]) == (2, 1, 4)
    assert set(whole["baselines"]) == {"validation_loss", "action_error", "training_step"}
    assert whole["false_positive"]["looks"] == 10 * whole["false_positive"]["episodes"]
    assert set(found["passed"]) == {"ranking"}
    assert "ranked inside a world" in (tmp_path / "report.html").read_text()
    assert len(ranking_table(found["rows"])["rows"]) == 2
