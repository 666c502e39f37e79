"""Help texts that are made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import praxia
from praxia.cli import help_cache
from praxia.cli.help_cache import cached_help


@pytest.fixture
def printed(monkeypatch, tmp_path):
    """A text that is printed, and how often it was."""
    monkeypatch.setenv("PRAXIA_CACHE", str(tmp_path / "cache"))
    made = []

    def render():
        made.append(1)
        print("usage: it")
        raise SystemExit(0)

    return render, made


def test_a_text_is_made_once_and_read_after_that(printed):
    render, made = printed
    assert [cached_help("act --help", render) for _ in range(3)] == ["usage: it\n"] * 3
    assert cached_help("flow --help", render) == "usage: it\n"
    assert len(made) == 2


def test_another_source_or_width_makes_it_anew(printed, monkeypatch):
    render, made = printed
    cached_help("act", render)
    monkeypatch.setenv("COLUMNS", "61")
    cached_help("act", render)
    monkeypatch.setattr(help_cache, "_source", lambda: "edited")
    cached_help("act", render)
    assert len(made) == 3


def test_the_source_is_every_file_of_the_package():
    files = list(Path(praxia.__file__).parent.rglob("*.py"))
    assert help_cache._source().count(".py") == len(files)


def test_without_a_folder_to_write_to_it_is_made_every_time(printed, monkeypatch, tmp_path):
    render, made = printed
    (tmp_path / "file").touch()
    monkeypatch.setattr(help_cache, "cache_roots", lambda: [tmp_path / "file"])
    assert [cached_help("act", render) for _ in range(2)] == ["usage: it\n"] * 2
    assert len(made) == 2


def test_old_texts_are_removed(printed, monkeypatch, tmp_path):
    render, _ = printed
    monkeypatch.setattr(help_cache, "KEPT", 3)
    for number in range(5):
        cached_help(str(number), render)
    assert len(os.listdir(tmp_path / "cache" / "help")) == 2


AGAIN = """
import sys
from praxia.cli.train import run
try:
    run(["act", "--help"])
finally:
    assert "torch" not in sys.modules
"""


def test_a_recipes_help_is_quick_the_second_time_because_it_imports_nothing_heavy(monkeypatch, tmp_path, capsys):
    from praxia.cli.train import run

    monkeypatch.setenv("PRAXIA_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        run(["act", "--help"])
    again = subprocess.run([sys.executable, "-B", "-c", AGAIN], capture_output=True, text=True)
    assert (again.stderr, again.returncode) == ("", 0)
    assert "--train.batch-size N" in again.stdout
    assert again.stdout == capsys.readouterr().out
