import json
from pathlib import Path

import pytest
from results_testing import made_rows, write_results

from praxia.cli.main import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


def test_a_folder_is_ranked_for_people_and_as_json(tmp_path: Path, capsys):
    write_results(tmp_path / "good.jsonl", made_rows({"walk": "1" * 40}))
    write_results(tmp_path / "bad.jsonl", made_rows({"walk": "0" * 40}), source_sha256="bbbb", policy_sha256="bad")
    write_results(tmp_path / "apart.jsonl", made_rows({"walk": "." * 40 + "10" * 20}), policy_sha256="apart")
    write_results(tmp_path / "again.jsonl", made_rows({"walk": "1"}), seed=1)
    write_results(tmp_path / "empty.jsonl", [])
    write_results(tmp_path / "expert.jsonl", made_rows({"walk": "1" * 40}), {"privileged": True}, policy_sha256="e")
    write_results(
        tmp_path / "stopped.jsonl", made_rows({"walk": "0"}), {"until_decided": True}, control="swapped-image"
    )
    assert run("leaderboard", tmp_path, "--json") == 0
    captured = capsys.readouterr()
    (table,) = json.loads(captured.out)["tables"]
    files = [one["file"].removesuffix(".jsonl") for one in table["entries"]]
    assert files == ["good", "apart", "bad", "again", "expert", "stopped"]
    lines = [line.split() for line in captured.err.splitlines()]
    assert ["1", "good.jsonl", "40", "0", "100.0%"] in [line[:5] for line in lines]
    assert ["privileged", "expert.jsonl"] in [line[:2] for line in lines]
    assert ["repeat", "again.jsonl"] in [line[:2] for line in lines]
    text = " ".join(captured.err.split())
    assert "2 of 3 tests are unpaired (Fisher)" in text
    assert "*bad.jsonl: source_sha256 was 'aaaa', is 'bbbb'." in text
    assert "Files of comparisons that stopped once decided, not after a fixed number of pairs: stopped.jsonl." in text
    assert "again.jsonl evaluates the same policy as good.jsonl, which is ranked." in text
    assert "not read:" in text


def test_a_folder_without_results_is_refused_in_one_line(tmp_path: Path, capsys):
    assert run("leaderboard", tmp_path) == 2
    assert "praxia eval" in capsys.readouterr().err


def test_info_names_the_file_and_its_missing_episodes(tmp_path: Path, capsys):
    complete, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    write_results(complete, made_rows({"walk": "10"}), {"planned": 2})
    write_results(part, made_rows({"walk": "10"}), {"planned": 9})
    for path, planned in ((complete, 2), (part, 9)):
        assert run("info", path, "--json") == 0
        captured = capsys.readouterr()
        found = json.loads(captured.out)
        assert (found["file"], found["episodes"], found["planned"]) == (str(path), 2, planned)
        assert ("2 of 9 planned episodes" in captured.err) == (path == part)
