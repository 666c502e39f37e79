"""The verbs on real Meta-World through the command line, with real kills: what they lose, and what they end with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from praxia.data.dataset import Dataset

pytestmark = [pytest.mark.gl, pytest.mark.timeout(280)]
PRAXIA = [sys.executable, "-m", "praxia"]


def praxia(*arguments):
    done = subprocess.run([*PRAXIA, *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kill_when(condition, *arguments):
    """Start a verb and kill it, and with it its workers, as soon as `condition` holds."""
    process = subprocess.Popen([*PRAXIA, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def rows(path: Path):
    return [{**json.loads(line), "wall_s": None} for line in path.read_text().splitlines()]


COLLECT = ("collect", "metaworld", "--tasks", "button-press,coffee-button-v3", "--episodes", 3, "--seed", 3)
COLLECT += ("--cameras", "workspace")


@pytest.fixture(scope="module")
def spine(tmp_path_factory):
    """A data set of six episodes, and a policy that was trained on it for a moment."""
    root = tmp_path_factory.mktemp("spine")
    collected = praxia(*COLLECT, "--workers", 2, "--out", root / "data")
    praxia("train", "flow-metaworld", "--data", root / "data", "--out", root / "run", "--train.steps", 5)
    return root, collected


def test_a_killed_collection_goes_on_to_the_same_data_set(spine, tmp_path):
    _, collected = spine
    assert collected["episodes"] == collected["successes"] == 6
    assert [camera.name for camera in Dataset(spine[0] / "data").embodiment.cameras] == ["workspace"]
    out = tmp_path / "data"
    staged = out / ".staging"
    kill_when(lambda: len(list(staged.glob("episode-*"))) >= 2, *COLLECT, "--workers", 1, "--out", out)
    resumed = praxia(*COLLECT, "--workers", 1, "--out", out, "--resume")
    assert 2 <= resumed["recovered"] < 6
    assert resumed["content_sha256"] == collected["content_sha256"]


def test_exact_rows_depend_neither_on_workers_nor_on_kills(spine, tmp_path):
    root, _ = spine
    evaluate = ("eval", root / "run", "--benchmark", "metaworld-demo/fast", "--episodes", 1, "--exact")
    praxia(*evaluate, "--workers", 1, "--out", tmp_path / "one.jsonl")
    two = tmp_path / "two.jsonl"
    killed = lambda: two.exists() and two.read_bytes().count(b"\n") >= 2  # noqa: E731
    kill_when(killed, *evaluate, "--workers", 2, "--out", two)
    praxia(*evaluate, "--workers", 2, "--out", two, "--resume")
    assert rows(tmp_path / "one.jsonl") == rows(two)
    assert {row["status"] for row in rows(two)} <= {"success", "failure"}


def test_a_policy_for_other_pictures_is_refused(tmp_path):
    small = (*COLLECT[:5], 1, "--seed", 0, "--size", 32, "--workers", 1, "--out", tmp_path / "data")
    praxia(*small)
    praxia("train", "flow-metaworld", "--data", tmp_path / "data", "--out", tmp_path / "run", "--train.steps", 1)
    command = [*PRAXIA, "eval", tmp_path / "run", "--benchmark", "metaworld-mt10/fast", "--out", tmp_path / "x.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "workspace 32x32 but workspace 80x80" in done.stderr


def test_info_knows_each_kind_of_thing(spine):
    root, collected = spine
    assert praxia("info", root / "data")["content_sha256"] == collected["content_sha256"]
    assert praxia("info", root / "run")["model"]["encoder"]["part"] == "film-cnn"
