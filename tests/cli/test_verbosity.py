"""How much every verb prints: `--quiet` and `-v`, in processes of their own, whose log is configured once."""

import subprocess
import sys

import pytest

SMALL = ["--train.steps", "2", "--train.batch-size", "2", "--image-size", "16", "--cache-gb", "0.1"]


def praxia(*arguments):
    return subprocess.run([sys.executable, "-m", "praxia", *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    done = praxia(
        "collect", "bimodal", "--tasks", "all", "--episodes", "2", "--size", "16", "--out", str(root), "--quiet"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return root


def test_quiet_leaves_warnings_and_errors(data, tmp_path):
    done = praxia("train", "flow", "--data", str(data), "--out", str(tmp_path / "run"), *SMALL, "--quiet")
    assert done.returncode == 0
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines()), done.stderr
    refused = praxia("train", "flow", "--data", str(data), "--out", str(tmp_path / "run"), *SMALL, "--quiet")
    assert refused.returncode == 2
    assert "holds a run already" in refused.stderr.splitlines()[-1]


def test_verbose_shows_the_log(data, tmp_path):
    done = praxia("train", "flow", "--data", str(data), "--out", str(tmp_path / "run"), *SMALL, "-v")
    assert done.returncode == 0
    assert "praxia.training.state: the state after step 2 is saved in " in done.stderr
    assert "flow  2/2  loss " in done.stderr


def test_both_are_refused(tmp_path):
    done = praxia("recipes", "--quiet", "-v")
    assert (done.returncode, done.stderr) == (2, "praxia: expected --quiet or -v, got both\n")
