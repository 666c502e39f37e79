"""Verbs on real Meta-World through the command line, with a real kill (of evaluations: `evaluation/test_runner.py`)."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from praxia.data.dataset import Dataset

pytestmark = [pytest.mark.gl, pytest.mark.slow]
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


COLLECT = ("collect", "metaworld", "--tasks", "button-press,coffee-button-v3", "--episodes", 3, "--seed", 3)
COLLECT += ("--cameras", "workspace")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A data set of six episodes, and a policy that was trained on it for a few steps."""
    root = tmp_path_factory.mktemp("trained")
    collected = praxia(*COLLECT, "--workers", 2, "--out", root / "data")
    praxia("train", "flow-metaworld", "--data", root / "data", "--out", root / "run", "--train.steps", 5)
    return root, collected


def test_a_killed_collection_resumes_to_the_same_data_set(trained, tmp_path):
    _, collected = trained
    assert collected["episodes"] == collected["successes"] == 6
    assert [camera.name for camera in Dataset(trained[0] / "data").embodiment.cameras] == ["workspace"]
    out = tmp_path / "data"
    staged = out / ".staging"
    kill_when(lambda: len(list(staged.glob("episode-*"))) >= 2, *COLLECT, "--workers", 1, "--out", out)
    resumed = praxia(*COLLECT, "--workers", 1, "--out", out, "--resume")
    assert 2 <= resumed["recovered"] < 6
    assert resumed["content_sha256"] == collected["content_sha256"]


def test_a_policy_for_another_embodiment_is_refused(trained, tmp_path):
    root, _ = trained
    command = [*PRAXIA, "eval", root / "run", "--benchmark", "metaworld-mt10/lerobot", "--out", tmp_path / "x.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'metaworld-mt10/lerobot' has 'metaworld-sawyer-lerobot'" in done.stderr


def test_info_knows_each_kind_of_thing(trained):
    root, collected = trained
    assert praxia("info", root / "data")["content_sha256"] == collected["content_sha256"]
    assert praxia("info", root / "run")["model"]["encoder"]["type"] == "film-cnn"
