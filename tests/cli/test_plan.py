"""`praxia plan`: planning in the simulator itself, and the same planner as a file."""

import json

import pytest

from praxia.cli.main import main
from praxia.results.rows import read_rows

SOLVER = ("--returns", "best", "--samples", "30", "--iterations", "3", "--elites", "5")
BLOCKS = ("--blocks", "4", "--block-steps", "6", "--repeat")
WHERE = ("--benchmark", "bimodal", "--episodes", "1", "--workers", "1", "--exact")


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--json"])
    return stopped.value.code


def test_a_planner_and_its_file_give_the_same_rows(capsys, tmp_path):
    assert run("plan", "simulator", *WHERE, *SOLVER, *BLOCKS, "--out", tmp_path / "plan.jsonl") == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["success"] == 1
    (tmp_path / "planner.json").write_text(json.dumps(planned["planner"]))
    assert run("eval", tmp_path / "planner.json", *WHERE, "--out", tmp_path / "eval.jsonl") == 0
    evaluated = json.loads(capsys.readouterr().out)
    first, second = (read_rows(tmp_path / f"{name}.jsonl") for name in ("plan", "eval"))
    assert [one.actions_sha256 for one in first] == [one.actions_sha256 for one in second]
    assert planned["fingerprint"]["planner"]["solver"] == planned["planner"]["solver"]
    assert planned["fingerprint"]["policy_sha256"] == evaluated["fingerprint"]["policy_sha256"]


def test_what_a_solver_or_an_objective_lacks_is_one_line(capsys, tmp_path):
    for options, line in [
        (("--temperature", "1"), "solver 'cem' takes no --temperature"),
        (("--solver", "mpi"), "unknown solver 'mpi'; nearest: mppi"),
        (("--objective", "goal"), "unknown objective 'goal'; nearest: goal-path"),
    ]:
        assert run("plan", "simulator", *WHERE, *options, "--out", tmp_path / "plan.jsonl") == 2
        assert line in json.loads(capsys.readouterr().out)["error"]


def test_offline_evaluation_and_preflight_refuse_planners(capsys, tmp_path):
    path = tmp_path / "planner.json"
    path.write_text(json.dumps({"type": "planner"}))
    assert run("eval", path, "--data", tmp_path, "--out", tmp_path / "offline.jsonl") == 2
    assert "--data expects a trained policy" in json.loads(capsys.readouterr().out)["error"]
    assert run("preflight", path, "--benchmark", "bimodal") == 2
    assert "preflight checks the folder of a policy" in json.loads(capsys.readouterr().out)["error"]
