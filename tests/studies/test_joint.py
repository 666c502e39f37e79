"""The study of a joint model at a small scale."""

import json
from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import UnknownName
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.studies import joint as module
from praxia.studies import worlds as study

GOOD = {
    "model": "uwm",
    "inverse_over_policy": {"median": 0.5, "low": 0.4, "high": 0.6},
    "forward_over_video": {"median": 0.6, "low": 0.5, "high": 0.7},
    "pairs": {"both": 260, "a_alone": 15, "b_alone": 15, "neither": 10},
}
FLOW = {"model": "flow"}


@pytest.mark.slow
def test_one_network_is_measured_in_its_roles_beside_the_flow_head(tmp_path, monkeypatch):
    for name, value in {"LABELLED": 4, "VIDEO": 2, "TEST": 2, "EPISODES": 2}.items():
        monkeypatch.setattr(module, name, value)
    for name in ("uwm_tworoom", "flow_tworoom"):
        run = getattr(module, name)()
        small = replace(run, train=replace(run.train, steps=3, batch_size=8, warmup_steps=1))
        monkeypatch.setattr(module, name, lambda small=small: small)
    found = study.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="joint")
    uwm, flow = found["rows"]
    assert (uwm["model"], uwm["steps"], uwm["episodes"]) == ("uwm", 3, 4)
    assert (flow["model"], flow["steps"], flow["episodes"]) == ("flow", 3, 4)
    assert sum(uwm["pairs"].values()) == 4
    assert uwm["windows"] > 20
    assert set(uwm["errors"]) == {"policy", "inverse", "forward", "video", "unchanged"}
    for name in ("inverse_over_policy", "forward_over_video"):
        assert 0 < uwm[name]["low"] <= uwm[name]["median"] <= uwm[name]["high"]
    assert set(found["passed"]) == {"joint"}
    trained = json.loads((tmp_path / "uwm-tworoom-0/run.json").read_text())
    assert [one["episodes"] for one in trained["trained_on"]] == [4, 2]
    assert trained["mixture"]["parts"] == [{}, {"actions": False}]
    assert "One network as policy" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"inverse_over_policy": {"median": 0.81, "low": 0.7, "high": 0.9}}, False),
        ({"forward_over_video": {"median": 0.79, "low": 0.6, "high": 1.01}}, False),
        ({"pairs": {"both": 240, "a_alone": 5, "b_alone": 40, "neither": 15}}, False),
        ({"pairs": {"both": 26, "a_alone": 1, "b_alone": 2, "neither": 1}}, False),
    ],
)
def test_what_passes(changes, passes):
    """The last loses 3 points of 30 pairs, which is too few to say that it is not 10."""
    assert module.joint_passes([{**GOOD, **changes}, FLOW]) == passes


def test_pairs_of_all_seeds_count_together():
    few = {**GOOD, "pairs": {"both": 26, "a_alone": 1, "b_alone": 2, "neither": 1}}
    assert not module.joint_passes([few, FLOW])
    assert module.joint_passes([few] * 20)
    assert not module.joint_passes([FLOW])


def test_no_frame_past_the_end_is_measured(recorded):
    """Episodes of 5 to 20 steps: the frame after the last of four actions exists one window less often than they."""
    dataset = Dataset(recorded)
    window = Window({"image.front": (0,)}, horizon=4, targets={"image.front": (2, 4)})
    windows = module.Windows(dataset, window, range(8))
    length = dataset.episodes.length
    expected = [(episode, frame) for episode in range(8) for frame in range(length[episode] - 4)]
    assert windows.frames_of(module._complete(windows)) == expected


def test_a_ratio_is_of_means_and_its_interval_of_episodes():
    rng = np.random.default_rng(0)
    episodes = np.repeat(np.arange(40), 25)
    other = rng.exponential(1.0, 1000) * np.repeat(rng.uniform(0.5, 1.5, 40), 25)
    one = 0.5 * other + rng.exponential(0.1, 1000)
    found = module.ratio(one, other, episodes)
    assert found["low"] < one.mean() / other.mean() < found["high"]
    assert found["median"] == pytest.approx(one.mean() / other.mean(), rel=0.02)
    whole = module.ratio(np.ones(1000), np.full(1000, 2.0), episodes)
    assert (whole["low"], whole["median"], whole["high"]) == pytest.approx((0.5, 0.5, 0.5))
    alike = module.ratio(one, other, np.arange(1000))
    assert alike["high"] - alike["low"] < 2 * (found["high"] - found["low"])


def test_the_table_says_what_was_lost_to_the_flow_head():
    rows = [
        {**GOOD, "seed": 0, "steps": 10, "success": 0.9, "episodes": 300},
        {**FLOW, "seed": 0, "steps": 10, "success": 0.9, "episodes": 300},
    ]
    table = module.joint_table(rows)
    assert table["rows"][0] == ["uwm", "0", "10", "90.0% of 300", "0.50 (0.40 to 0.60)", "0.60 (0.50 to 0.70)"]
    assert table["rows"][1][-2:] == ["–", "–"]


def test_the_part_has_a_name(tmp_path):
    with pytest.raises(UnknownName, match="nearest: joint"):
        study.worlds(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, parts="jont")
