import json
from pathlib import Path

import pytest
from results_testing import made_rows, write_results

from praxia.cli.main import main
from praxia.results.anytime import log_e_value


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
    assert named | {"macro_effect", "errors", "unpaired", "time_to_success", "per_task_exploratory"} == set(verdict)
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
    assert run("compare", files[0], files[0], "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "undecided"


def test_another_benchmark_is_refused_in_one_line(files, tmp_path, capsys):
    other = write_results(tmp_path / "other.jsonl", made_rows({"walk": "1"}), benchmark={"name": "toy/hard"})
    assert run("compare", files[0], other, "--json") == 2
    captured = capsys.readouterr()
    assert "name has 'toy/plain', but 'toy/hard'" in json.loads(captured.out)["error"]
    assert len(captured.err.strip().splitlines()) == 1


def test_what_is_not_there_is_refused(files, tmp_path, capsys):
    assert run("compare", files[0], tmp_path / "none.jsonl") == 2
    assert "no results at" in capsys.readouterr().err
