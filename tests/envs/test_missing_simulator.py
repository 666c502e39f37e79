"""Praxia without its simulators: each comes with an extra, and a missing one is an error of one line that names it."""

import pytest
from absent_testing import praxia_without

SIMULATORS = {"mujoco", "metaworld", "mink", "gym_pusht", "pymunk", "shapely", "gymnasium"}


@pytest.fixture
def run(tmp_path):
    return praxia_without(SIMULATORS, tmp_path)


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
