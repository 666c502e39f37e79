"""Praxia without its simulators: each comes with an extra, and a missing one is an error of one line that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import praxia

# An interpreter in which none of them can be imported, as in an environment without any extra.
WITHOUT = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mujoco", "metaworld", "mink", "gym_pusht", "pymunk", "shapely", "gymnasium"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    path = os.pathsep.join([str(tmp_path), str(Path(praxia.__file__).parents[1])])

    def run(*arguments):
        command = [sys.executable, "-m", "praxia", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}
        )

    return run


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("collect metaworld-evo1 --tasks reach --episodes 1 --out x", "mujoco", "metaworld"),
        ("eval random --benchmark tabletop/train --episodes 1 --out x.jsonl", "mujoco", "tabletop"),
        ("compare random zero --benchmark pusht --out x", "gym_pusht", "pusht"),
    ],
)
def test_a_missing_simulator_is_one_line_that_names_its_extra(run, tmp_path, command, package, extra):
    done = run(*command.split())
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"needs the package {package}: pip install 'praxia[{extra}]'")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("x*"))


def test_benchmarks_without_a_simulator_and_reports_work(run, tmp_path):
    assert "metaworld-mt50/fast" in run("info", "--benchmarks").stdout
    out = ("eval", "random", "--benchmark", "bimodal", "--episodes", "2", "--workers", "1", "--out", "random.jsonl")
    assert run(*out).returncode == 0
    assert run("report", "random.jsonl", "--out", "page.html").returncode == 0
    assert (tmp_path / "page.html").stat().st_size > 1000
