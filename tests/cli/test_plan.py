"""`praxia plan`: planning in the simulator itself, and the same planner as a file."""

import json
from dataclasses import replace

import pytest
import torch
from praxia_testing import make_config
from world_testing import LearnedWorld, PointState, ToyWorld

from praxia import policies
from praxia.checkpoint.store import save_policy
from praxia.cli.main import main
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.planner_entry import read_planner
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


def test_the_planner_that_is_printed_has_its_world_wherever_its_file_lies(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(policies.MODELS, "toy-world", "world_testing:ToyWorld")
    # The point is two numbers, the benchmark's state more.
    monkeypatch.setattr(LearnedWorld, "start", lambda world, queries: PointState(torch.zeros(len(queries), 2)))
    benchmark = find_benchmark("bimodal")
    robot = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    seen = replace(make_config().window, observation_steps={"state": (0,)})
    config = replace(make_config(), model=ToyWorld(), embodiments=(robot,), window=seen)
    save_policy(tmp_path / "world", config, {"speed": torch.tensor(0.1)})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    options = ("--goal", "state=state", "--samples", "6", "--iterations", "1", "--elites", "2")
    assert run("plan", "world", *WHERE, *options, "--out", "plan.jsonl") == 0
    planner = json.loads(capsys.readouterr().out)["planner"]
    path = tmp_path / "elsewhere" / "planner.json"
    path.write_text(json.dumps(planner))
    assert read_planner(path).world == planner["world"] == str(tmp_path / "world")
    assert (tmp_path / "plan.jsonl").exists()


def test_what_a_solver_or_an_objective_lacks_is_one_line(capsys, tmp_path):
    for options, line in [
        (("--temperature", "1"), "solver 'cem' takes no --temperature"),
        (("--solver", "mpi"), "unknown solver 'mpi'; nearest: mppi"),
        (("--objective", "goal"), "unknown objective 'goal'; nearest: goal-path"),
    ]:
        assert run("plan", "simulator", *WHERE, *options, "--out", tmp_path / "plan.jsonl") == 2
        assert line in json.loads(capsys.readouterr().out)["error"]


def test_what_options_alone_forbid_is_refused_before_a_file_is_begun(capsys, tmp_path):
    out = ("--out", tmp_path / "rows.jsonl")
    for options, line in [
        (("--objective", "goal-distance"), "this world reads the simulator's present state"),
        (("--goal", "state=state"), "this world reads the simulator's present state"),
        (("--goal", "image.top"), "expected --goal SEEN=GOAL, such as image.top=image.goal, got 'image.top'"),
        (("--solver", "gradient"), "needs a differentiable world"),
        (("--blocks", "0"), "expected --blocks of at least 1, got 0"),
        (("--block-steps", "0"), "expected --block-steps of at least 1, got 0"),
    ]:
        assert run("plan", "simulator", *WHERE, *options, *out) == 2
        assert line in json.loads(capsys.readouterr().out)["error"]
    planner = {"type": "planner", "world": "simulator", "objective": {"type": "reward"}, "solver": {"type": "cem"}}
    (tmp_path / "planner.json").write_text(json.dumps(planner))
    assert run("eval", tmp_path / "planner.json", *WHERE, "--control", "swapped-image", *out) == 2
    assert "swapped-image expects a policy that sees images" in json.loads(capsys.readouterr().out)["error"]
    assert [one.name for one in tmp_path.iterdir()] == ["planner.json"]


def test_offline_evaluation_and_preflight_refuse_planners(capsys, tmp_path):
    path = tmp_path / "planner.json"
    path.write_text(json.dumps({"type": "planner"}))
    assert run("eval", path, "--data", tmp_path, "--out", tmp_path / "offline.jsonl") == 2
    assert "--data expects a trained policy" in json.loads(capsys.readouterr().out)["error"]
    assert run("preflight", path, "--benchmark", "bimodal") == 2
    assert "preflight checks the folder of a policy" in json.loads(capsys.readouterr().out)["error"]
