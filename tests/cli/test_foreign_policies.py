"""A policy of the user's own, written in the working directory, through every command that takes a policy."""

import json
import sys
from pathlib import Path

import pytest
from offline_testing import record_arm

from praxia.cli.main import main
from praxia.results.meta import read_meta
from praxia.results.rows import read_rows

PLAIN = """
import numpy as np

def make(embodiment):
    def act(observation):
        robot, obstacle, goal = np.split(observation["state"], 3)
        aside = obstacle + [0.58, 0.0]
        target = aside if robot[1] < obstacle[1] else goal
        return 0.8 * (target - robot) / np.linalg.norm(target - robot)
    return act

def loud(embodiment):
    print("loading")
    return lambda observation: print("acting") or [0.0] * embodiment.action_dim

def broken(embodiment):
    return lambda observation: observation["images"]["front"]

def lost(embodiment):
    return lambda observation: [float("nan")] * embodiment.action_dim
"""


ARMS = """
def near(embodiment):
    return lambda observation: [[0.0] * embodiment.action_dim] * 2

def far(embodiment):
    return lambda observation: [9.0] * embodiment.action_dim
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    (tmp_path / "mine.py").write_text(PLAIN)
    yield tmp_path
    sys.modules.pop("mine", None)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(one) for one in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def evaluate(policy: str, out: str, *options: object) -> int:
    return run("eval", policy, "--benchmark", "bimodal", "--episodes", 4, "--workers", 1, "--out", out, *options)


def test_a_function_is_evaluated_and_its_identity_is_claimed(here: Path, capsys):
    assert evaluate("mine:make", "a.jsonl", "--json") == 0
    captured = capsys.readouterr()
    result, meta = json.loads(captured.out), read_meta(here / "a.jsonl")
    assert result["success"] == 1
    assert meta["fingerprint"]["claim"]["factory"] == "mine:make"
    assert meta["fingerprint"]["policy_sha256"].startswith("claimed:")
    assert {row.policy_sha256 for row in read_rows(here / "a.jsonl")} == {meta["fingerprint"]["policy_sha256"]}
    assert "foreign policy mine:make (source " in captured.err
    assert "whose identity is claimed" in " ".join(captured.err.split())
    assert run("info", "a.jsonl") == 0
    assert "foreign policy mine:make" in capsys.readouterr().err


def test_policy_can_be_given_as_an_option(here: Path):
    options = ("--benchmark", "bimodal", "--episodes", 4, "--workers", 1, "--exact")
    assert run("eval", *options, "--policy", "mine:make", "--out", "a.jsonl") == 0
    assert run("eval", "--policy=mine:make", "--out", "b.jsonl", *options) == 0
    assert run("eval", "mine:make", "--out", "c.jsonl", *options) == 0
    command = read_meta(here / "a.jsonl")["command"]
    assert command.startswith("praxia eval mine:make --benchmark")
    actions = [[row.actions_sha256 for row in read_rows(here / f"{name}.jsonl")] for name in "abc"]
    assert actions[0] == actions[1] == actions[2]


def test_with_json_what_it_prints_goes_to_stderr(here: Path, capsys):
    assert evaluate("mine:loud", "a.jsonl", "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["faults"] == 0
    assert "loading" in captured.err
    assert "acting" in captured.err


def test_controls_disturb_it_too(here: Path):
    assert evaluate("mine:make", "frozen.jsonl", "--control", "frozen-state") == 0
    assert {row.status for row in read_rows(here / "frozen.jsonl")} == {"failure"}
    assert evaluate("mine:make", "swapped.jsonl", "--control", "swapped-image") == 0
    assert {row.status for row in read_rows(here / "swapped.jsonl")} == {"success"}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("broken", "the policy raised KeyError: 'front' (mine.py, line 17), at step 0"),
        ("lost", "the policy gave an action that is not finite at step 0"),
    ],
)
def test_its_faults_are_failures_and_the_first_is_printed(here: Path, capsys, name: str, fault: str):
    assert evaluate(f"mine:{name}", "a.jsonl") == 0
    assert {(row.status, row.error) for row in read_rows(here / "a.jsonl")} == {("failure", fault)}
    assert f"4 of 4 episodes failed by a fault of the policy; the first: {fault}" in capsys.readouterr().err


def test_two_are_compared_until_decided_ranked_and_reported(here: Path, capsys):
    options = ("--benchmark", "bimodal", "--workers", 1, "--until-decided", "--out", "versus")
    assert run("compare", "mine:make", "mine:lost", *options, "--json") == 0
    captured = capsys.readouterr()
    verdict = json.loads(captured.out)
    assert (verdict["verdict"], verdict["pairs"] < 20) == ("better", True)
    assert "mine:make is better than mine:lost" in captured.err
    assert run("leaderboard", "versus", "--json") == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert ["mine:make" in table["entries"][0]["claim"], "mine:lost" in table["entries"][1]["claim"]] == [True, True]
    assert run("leaderboard", "versus") == 0
    assert "foreign policy mine:make" in " ".join(capsys.readouterr().err.split())
    assert run("report", "versus", "--out", "page.html") == 0
    page = (here / "page.html").read_text()
    assert "foreign policy mine:make (source " in page
    assert "is better than" in page
    assert "not comparable" not in page


def test_preflight_asks_it_for_its_first_decisions(here: Path, capsys):
    options = ("--benchmark", "bimodal", "--json")
    assert run("preflight", "mine:make", *options) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["policy_sha256"].startswith("claimed:")
    assert result["claim"]["factory"] == "mine:make"
    checks = {check["name"]: check for check in result["checks"]}
    assert list(checks)[:2] == ["names-and-units", "decisions"]
    assert [name for name, check in checks.items() if check["ok"] is None] == [
        *("recorded-frames", "gripper", "replay", "statistics")
    ]
    assert "chunk length 1" in checks["decisions"]["detail"]
    assert checks["names-and-units"]["detail"] == "it was made for 'bimodal', at 10 Hz, and uses top"
    assert run("preflight", "--policy", "mine:broken", *options) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == "decisions: the policy raised KeyError: 'front' (mine.py, line 17), at step 0 of pass"
    assert run("preflight", "mine:lost", *options) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == "decisions: the policy gave an action that is not finite at step 0 of pass"
    assert run("preflight", "mine:make", "--as", "bimodal", *options) == 2
    assert "--as expects" in json.loads(capsys.readouterr().out)["error"]
    assert run("preflight", "zero", *options) == 2
    assert "got 'zero'" in json.loads(capsys.readouterr().out)["error"]


def test_it_is_evaluated_offline_compared_and_reported(here: Path, capsys):
    record_arm(here / "arm")
    (here / "arms.py").write_text(ARMS)
    try:
        for name in ("near", "far"):
            assert run("eval", "--policy", f"arms:{name}", "--data", "arm", "--out", f"{name}.jsonl") == 0
            assert f"foreign policy arms:{name} (source " in capsys.readouterr().err
        assert run("compare", "near.jsonl", "far.jsonl", "--json") == 0
        assert json.loads(capsys.readouterr().out)["mae"]["lower"] == "a"
        assert run("report", "near.jsonl", "--out", "page.html") == 0
        page = (here / "page.html").read_text()
        assert "<dt>foreign policy</dt><dd>arms:near</dd>" in page
        assert "claimed, not proved: claimed:" in page
        assert run("eval", "arms:far", "--data", "arm", "--out", "x.jsonl", "--steps", 3) == 2
        assert "--steps expects the folder of a trained policy" in capsys.readouterr().err
    finally:
        sys.modules.pop("arms", None)


def test_another_source_does_not_continue_the_evaluation(here: Path, capsys):
    assert evaluate("mine:make", "a.jsonl") == 0
    assert evaluate("mine:make", "a.jsonl", "--resume") == 0
    (here / "mine.py").write_text(PLAIN + "\nSPEED = 1\n")
    assert evaluate("mine:make", "a.jsonl", "--resume") == 2
    assert "a.jsonl was begun differently (policy_sha256 was 'claimed:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("policy", "options", "expected"),
    [
        ("mine:mke", (), "praxia: module mine has no 'mke'; nearest: make, broken"),
        ("mne:make", (), "praxia: no module 'mne' in "),
        ("mne", (), "praxia: unknown folder or name of a policy 'mne'; nearest: "),
        ("mine:make", ("--as", "bimodal"), "--as expects the folder of a trained policy, got 'mine:make'"),
        ("mine:make", ("--steps", "3"), "--steps expects the folder of a trained policy, got 'mine:make'"),
    ],
)
def test_what_is_wrong_is_one_line(here: Path, capsys, policy: str, options: tuple[str, ...], expected: str):
    assert evaluate(policy, "a.jsonl", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not (here / "a.jsonl").exists()


def test_info_lists_what_needs_no_folder(capsys):
    assert run("info", "--policies", "--json") == 0
    assert {"expert", "zero", "random"} <= set(json.loads(capsys.readouterr().out)["policies"])
    assert run("info", "--policies") == 0
    assert "package.module:make" in capsys.readouterr().out
