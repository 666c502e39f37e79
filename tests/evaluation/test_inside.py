"""Ranks inside worlds: in the simulator itself they are the simulator's; in a learned world none is a success rate."""

import json
from dataclasses import replace

import numpy as np
import pytest
from inside_testing import demonstrate, stored_world
from scipy.stats import rankdata

from praxia.cli.main import main
from praxia.core.errors import MismatchError
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.inside import open_inside, rank_inside, ranks, score_inside
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate
from praxia.results.rows import read_rows
from praxia.rollout.slots import LocalSlots

POLICIES = ("inside_testing:away", "inside_testing:to_goal", "random", "inside_testing:half_way")
TWOROOM = replace(find_benchmark("tworoom"), tasks=("same-room",), size=16)


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return stopped.value.code


def test_inside_the_simulator_scores_are_the_simulators(tmp_path):
    inside, family = open_inside("simulator", None, TWOROOM, None), find_family("tworoom")
    for name in POLICIES[1:3]:
        entry = find_policy(name, TWOROOM, exact=False)
        found = score_inside(entry, inside, 12, seed=0)
        out = tmp_path / f"{name[-4:]}.jsonl"
        evaluate(entry.policy, entry.evaluation(12), out, family, make_slots=lambda num: LocalSlots(4, family.build))
        assert [row.status == "success" for row in read_rows(out)] == found.tolist()


def test_ranks_are_of_scores_and_ties_share_theirs():
    scores = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]], bool)
    rank, low, high = ranks(scores)
    assert rank.tolist() == rankdata(-scores.mean(1)).tolist() == [2.5, 1, 4, 2.5]
    assert (low <= rank).all()
    assert (high >= rank).all()
    assert (low[1], high[2]) == (1, 4)


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    return demonstrate(tmp_path_factory.mktemp("bimodal") / "data")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with stored_world(tmp_path_factory.mktemp("inside") / "world") as folder:
        yield folder


def test_a_learned_world_ranks_and_never_says_success(world, demonstrations, tmp_path, capsys):
    out = tmp_path / "ranks.json"
    where = ("--inside", world, "--data", demonstrations, "--benchmark", "bimodal", "--episodes", 12)
    assert run("eval", *POLICIES, *where, "--out", out, "--json") == 0
    text = capsys.readouterr().out
    result = json.loads(text)
    assert result == json.loads(out.read_text())
    assert '"success"' not in text
    assert result["policies"][0]["policy"] == "inside_testing:to_goal"
    assert result["policies"][0]["rank"] == 1
    assert {row["rank"] for row in result["policies"][-2:]} <= {2.5, 3, 3.5, 4}
    assert result["measured"]["state_r2"]["seen"] > 0.99
    assert (result["episodes"], len(result["world_sha256"]), len(result["probes_sha256"])) == (12, 64, 64)
    assert run("eval", *POLICIES, *where, "--out", out) == 2, "the file exists"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("random",), "expected two or more policies to rank, got 1"),
        (("random", "inside_testing:seeing"), "sees 'top', which is not decoded inside this world"),
        (("random", "inside_testing:remembering"), "sees earlier steps between two observations"),
        (("random", "inside_testing:hasty"), "executes 3 actions between two observations: expected a multiple of 2"),
        (("random", "expert"), "expert reads the simulator's privileged state"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[-1],
)
def test_what_does_not_fit_is_one_line(world, demonstrations, tmp_path, capsys, names, message):
    where = ("--inside", world, "--data", demonstrations, "--benchmark", "bimodal", "--out", tmp_path / "ranks.json")
    assert run("eval", *names, *where) == 2
    captured = capsys.readouterr().err
    assert message in captured
    assert captured.count("\n") == 1
    assert not (tmp_path / "ranks.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--benchmark", "bimodal"), "expected --data SET[,SET...]"),
        (("--data", "x"), "expected --benchmark NAME beside --inside"),
        (("--benchmark", "bimodal", "--resume"), "--inside ranks policies and has no --resume"),
        (("--benchmark", "bimodal", "--as", "it"), "--inside ranks policies and has no --as"),
    ],
)
def test_options_that_mean_nothing_inside_are_refused(world, tmp_path, capsys, options, message):
    assert run("eval", "random", "zero", "--inside", world, *options, "--out", tmp_path / "ranks.json") == 2
    assert message in capsys.readouterr().err


def test_a_world_of_another_embodiment_is_refused(world, demonstrations):
    inside = open_inside(str(world), str(demonstrations), find_benchmark("bimodal"), None)
    with pytest.raises(ValueError, match="is for embodiment 'tworoom', and the world for 'bimodal'"):
        rank_inside(("random", "zero"), inside, TWOROOM, 2)


def test_a_horizon_between_imagined_timesteps_is_refused_before_the_episodes(world, demonstrations, monkeypatch):
    monkeypatch.setattr("praxia.evaluation.inside.score_inside", lambda *_: pytest.fail("it ran"))
    benchmark = replace(find_benchmark("bimodal"), horizon=33)
    inside = open_inside(str(world), str(demonstrations), benchmark, None)
    with pytest.raises(MismatchError, match="horizon is a multiple of 2, got 33 steps of 'bimodal'"):
        rank_inside(("random", "zero"), inside, benchmark, 2)


def test_without_inside_there_is_one_policy(tmp_path, capsys):
    assert run("eval", "random", "zero", "--benchmark", "bimodal", "--out", tmp_path / "rows.jsonl") == 2
    assert "expected one POLICY, got random zero" in capsys.readouterr().err
