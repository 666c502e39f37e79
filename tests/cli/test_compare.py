import json
from pathlib import Path

import pytest
from results_testing import made_rows, write_results

from praxia.cli.main import main
from praxia.results.rows import read_rows
from praxia.results.sequential import log_e_value


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    a = write_results(tmp_path / "new.jsonl", made_rows({"walk": "1" * 30, "run": "10" * 15}))
    b = write_results(tmp_path / "old.jsonl", made_rows({"walk": "0" * 30, "run": "10" * 15}), policy_sha256="beef")
    return a, b


def test_two_files_give_a_verdict_and_a_sentence(files, capsys):
    assert run("compare", *files, "--json") == 0
    captured = capsys.readouterr()
    verdict = json.loads(captured.out)
    named = {"verdict", "effect", "ci95", "e_value", "p_value", "pairs", "discordant", "pairs_needed", "per_task"}
    named |= {"macro_effect", "errors", "unpaired", "time_to_success", "per_task_exploratory", "results", "privilege"}
    assert named == set(verdict)
    assert verdict["privilege"] == [None, None]
    assert (verdict["verdict"], verdict["pairs"], verdict["discordant"]) == ("better", 60, [30, 0])
    assert "new is better than old: +50.0 points" in captured.err
    assert run("compare", *files) == 0
    assert capsys.readouterr().out == ""


def test_until_decided_takes_no_more_pairs_than_it_needs(files, capsys):
    assert run("compare", *reversed(files), "--until-decided", "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["verdict"] == "worse"
    assert verdict["pairs"] < 60
    assert log_e_value(*verdict["discordant"]) > 2.99


def test_an_open_question_is_no_failure(files, capsys):
    same = write_results(files[0].with_name("same.jsonl"), read_rows(files[0]), policy_sha256="cafe")
    assert run("compare", files[0], same, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "undecided"


def test_another_benchmark_is_refused_in_one_line(files, tmp_path, capsys):
    other = write_results(tmp_path / "other.jsonl", made_rows({"walk": "1"}), benchmark={"name": "toy/hard"})
    assert run("compare", files[0], other, "--json") == 2
    captured = capsys.readouterr()
    assert "is of benchmark 'toy/plain', but" in json.loads(captured.out)["error"]
    assert len(captured.err.strip().splitlines()) == 1


def test_what_is_not_there_is_refused(files, tmp_path, capsys):
    assert run("compare", files[0], tmp_path / "none.jsonl") == 2
    assert "no results at" in capsys.readouterr().err


def test_policies_are_evaluated_side_by_side_and_write_their_results(tmp_path: Path, capsys):
    arguments = ["compare", "expert", "zero", "--benchmark", "bimodal", "--until-decided", "--workers", 1]
    assert run(*arguments, "--out", tmp_path / "both", "--json") == 0
    captured = capsys.readouterr()
    verdict = json.loads(captured.out)
    assert (verdict["verdict"], verdict["effect"]) == ("better", 1.0)
    assert verdict["results"] == [str(tmp_path / "both" / name) for name in ("expert.jsonl", "zero.jsonl")]
    assert "expert is better than zero: +100.0 points" in captured.err
    assert run("compare", *verdict["results"], "--until-decided", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert {**again, "unpaired": 0} == verdict
    assert verdict["privilege"] == ["privileged policy", None]
    assert run("compare", *verdict["results"], "--json") == 2
    assert "use --until-decided" in json.loads(capsys.readouterr().out)["error"]
    assert run(*arguments, "--out", tmp_path / "both") == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["expert", "zero"], "needs --benchmark NAME"),
        (["expert", "zero", "--benchmark", "bimodal"], "--out DIR"),
        (["a.jsonl", "zero", "--benchmark", "bimodal"], "two results files or two policies"),
        (["a.jsonl", "b.jsonl", "--benchmark", "bimodal"], "leave out --benchmark"),
        (["expert", "zero", "--benchmark", "bimodl", "--out", "x"], "bimodal"),
        (["expert", "zero", "--benchmark", "bimodal", "--out", "x", "--episodes", "0"], "--episodes of at least 1"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(arguments, said: str, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("compare", *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_taken_for_the_folder_of_both_results(files, capsys):
    assert run("compare", "expert", "zero", "--benchmark", "bimodal", "--out", files[0]) == 2
    assert "--out to be a folder" in capsys.readouterr().err


def test_one_policy_twice_is_refused_as_policies_and_as_files(files, tmp_path: Path, capsys):
    out = tmp_path / "o"
    assert run("compare", "zero", "zero", "--benchmark", "bimodal", "--out", out, "--episodes", 1) == 2
    assert "expected two policies, got the same one twice" in capsys.readouterr().err
    assert not out.exists()
    again = write_results(tmp_path / "again.jsonl", read_rows(files[1]), seed=1)
    assert run("compare", files[0], again) == 2
    error = capsys.readouterr().err.strip()
    assert "of the same one (f00d)" in error
    assert len(error.splitlines()) == 1


def test_where_every_pair_has_an_error_nothing_was_compared(files, tmp_path, capsys):
    crashed = write_results(
        tmp_path / "crashed.jsonl", made_rows({"walk": "!" * 30, "run": "!" * 30}), policy_sha256="c"
    )
    assert run("compare", files[0], crashed, "--json") == 2
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert said["error"].endswith("each of 60 pairs has an error; the first: OSError: gone")
    assert (said["errors"], said["effect"], said["ci95"]) == (60, None, None)
    assert len(captured.err.strip().splitlines()) == 1


def test_a_privileged_policy_is_named(files, capsys):
    about = {"privileged": True}
    expert = write_results(files[0].with_name("expert.jsonl"), read_rows(files[0]), about, policy_sha256="cafe")
    assert run("compare", files[1], expert, "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["privilege"] == [None, "privileged policy"]
    assert "expert: privileged policy" in captured.err


def test_the_rows_of_a_killed_evaluation_are_no_fair_sample(files, capsys):
    half = write_results(files[0].with_name("half.jsonl"), read_rows(files[0])[:40], {"planned": 60})
    assert run("compare", half, files[1]) == 2
    assert "half.jsonl holds 40 of 60 planned episodes" in capsys.readouterr().err
    stopped = {"planned": 60, "until_decided": True}
    write_results(files[0].with_name("half.jsonl"), read_rows(files[0])[:40], stopped)
    assert run("compare", half, files[1], "--until-decided") == 0


def test_pairs_with_an_unknown_success_are_no_errors(files, tmp_path, capsys):
    robot = write_results(tmp_path / "robot.jsonl", made_rows({"walk": "?" * 30, "run": "10" * 15}), policy_sha256="r")
    assert run("compare", files[0], robot, "--json") == 0
    captured = capsys.readouterr()
    assert "excluded: 30 pairs with an unknown success" in captured.err
    assert "error" not in captured.err
    unknown = write_results(tmp_path / "unknown.jsonl", made_rows({"walk": "?" * 30}), policy_sha256="u")
    assert run("compare", files[0], unknown, "--json") == 2
    said = json.loads(capsys.readouterr().out)
    assert "new and unknown cannot be compared: no pair has a known success in both" in said["error"]
    assert "None" not in said["error"]
