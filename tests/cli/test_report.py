from pathlib import Path

import pytest

from praxia.cli.main import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_nothing_no_page_is_written_over_another(folder: Path, capsys):
    page = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><meta http-equiv="Content-Security-Policy" />'
    (folder / "report.html").write_text(page)
    (folder / "empty").mkdir()
    (folder / "no_rows.jsonl").touch()
    for sources, message in (
        ((), "got none"),
        (("empty",), "a folder without any"),
        (("no_rows.jsonl",), "another kind"),
    ):
        assert run("report", *sources) == 2
        error = capsys.readouterr().err.strip()
        assert message in error
        assert len(error.splitlines()) == 1
    assert (folder / "report.html").read_text() == page


@pytest.mark.parametrize("what", ["notes of mine", ""])
def test_what_is_no_page_of_ours_is_not_written_over(folder: Path, what: str, capsys):
    (folder / "report.html").write_text(what)
    (folder / "results.jsonl").write_text('{"schema": "praxia.row.v3"}\n')
    for out in ("report.html", "results.jsonl", "."):
        assert run("report", "results.jsonl", "--out", out) == 2
        assert "--out" in capsys.readouterr().err
    assert (folder / "report.html").read_text() == what
    assert (folder / "results.jsonl").read_text() == '{"schema": "praxia.row.v3"}\n'
