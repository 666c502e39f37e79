"""What codes know of actions, measured on codes whose knowledge is known; and the part at a small scale."""

import json
from dataclasses import replace

import numpy as np
import pytest

from praxia.studies import latent_actions as module
from praxia.studies import worlds
from praxia.studies.latent_actions import Coded, measure_codes


def made(seed, *, informed):
    """Two codes of four: the first tells vx of the mean action if `informed`, the second is always 3."""
    rng = np.random.default_rng(seed)
    velocity = rng.integers(0, 4, 600)
    first = velocity if informed else rng.integers(0, 4, 600)
    actions = np.stack([velocity, np.zeros(600)], axis=1)[:, None] + rng.normal(0, 1, (600, 2, 1))
    actions = actions - actions.mean(1, keepdims=True) + np.stack([velocity, np.zeros(600)], axis=1)[:, None]
    return Coded(np.stack([first, np.full(600, 3)], axis=1), actions.astype(np.float32))


def test_codes_that_tell_the_action_and_codes_that_do_not():
    found = measure_codes(made(0, informed=True), made(1, informed=True), 4)
    assert found["probe_r2"] == pytest.approx(1, abs=1e-4)
    assert 0.2 < found["probe_r2_steps"] < 0.7, "what differs from step to step is not in the codes"
    assert abs(found["shuffled_r2"]) < 0.05
    assert found["perplexity_each"] == pytest.approx([4, 1], abs=0.05)
    assert found["used"] == 4
    assert abs(measure_codes(made(0, informed=False), made(1, informed=False), 4)["probe_r2"]) < 0.05


@pytest.mark.parametrize(
    ("changes", "verdict", "passes"),
    [
        ({}, "better", True),
        ({}, "undecided", False),
        ({"probe_r2": 0.4}, "better", False),
        ({"shuffled_r2": 0.1}, "better", False),
        ({"perplexity_each": [6.0, 3.9]}, "better", False),
    ],
)
def test_what_passes(changes, verdict, passes):
    good = {"model": "lapa", "probe_r2": 0.6, "shuffled_r2": 0.0, "perplexity_each": [6.0, 5.0], "codebook_size": 8}
    policies = [
        {"model": "a", "verdict": None},
        {"model": "b", "verdict": "better"},
        {"model": "c", "verdict": verdict},
    ]
    rows = [good | changes, {"model": "without replacement"}, *policies]
    assert worlds.PARTS["latent-actions"].passes(rows) == passes
    assert not worlds.PARTS["latent-actions"].passes(rows[:2])
    assert not worlds.PARTS["latent-actions"].passes([])


@pytest.mark.slow
def test_the_part_at_a_small_scale(tmp_path, monkeypatch):
    latent, policy = module.lapa_tworoom(), module.bins_tworoom()
    small = replace(latent, model=replace(latent.model, width=16, depth=1), train=replace(latent.train, batch_size=8))
    monkeypatch.setattr(module, "lapa_tworoom", lambda: small)
    monkeypatch.setattr(module, "bins_tworoom", lambda: replace(policy, train=replace(policy.train, batch_size=8)))
    found = worlds.worlds(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, parts="latent-actions")
    codes, policies = found["rows"][:2], found["rows"][2:]
    assert [row["model"] for row in codes] == ["lapa", "without replacement"]
    for row, steps in zip(codes, (small.train.steps // 50, small.train.steps // 100), strict=True):
        assert row["steps"] == steps
        assert row["probe_r2"] <= 1
        assert 1 <= row["perplexity"] <= row["codebook_size"] == 8
        assert len(row["perplexity_each"]) == 4
    assert [row["model"] for row in policies] == ["codes, then labels", "labels alone", "labels alone, longer"]
    assert [row["verdict"] is None for row in policies] == [True, False, False]
    begun = json.loads((tmp_path / "latent-actions-codes-then-labels-0/run.json").read_text())["start_from"]
    coded = json.loads((tmp_path / "latent-actions-on-codes-0/policy/policy.json").read_text())
    assert (begun["policy_sha256"], begun["refit"]) == (coded["policy_sha256"], True)
    assert coded["embodiments"][0]["name"] == "tworoom-codes"
    assert set(found["passed"]) == {"latent-actions"}
    assert json.loads((tmp_path / "summary.json").read_text())["rows"] == found["rows"]
    assert "Latent actions on TwoRoom" in (tmp_path / "report.html").read_text()
