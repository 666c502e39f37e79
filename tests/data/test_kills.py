"""Real SIGKILLs: nothing that was staged is lost, and the resumed data set is the undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from praxia.data.finalize import finalize
from praxia.data.layout import committed
from praxia.data.manifest import Manifest
from praxia.data.recording import begin_recording
from praxia.data.staging import verify_staged
from praxia.data.summary import info

PLAN = {"seed": 0}
SCRIPT = Path(__file__).parents[1] / "killed.py"


def start(*arguments):
    return subprocess.Popen([sys.executable, str(SCRIPT), *map(str, arguments)], env=os.environ | {"PYTHONPATH": ""})


@pytest.mark.parametrize("fsync", [2, 5, 17])
def test_a_killed_staging_keeps_every_episode_that_was_finished(tmp_path, recorded, synthetic, stage, fsync):
    root = tmp_path / "set"
    begin_recording(root, PLAN)
    assert start("stage", root, fsync, *range(8)).wait() == -signal.SIGKILL
    assert list((root / ".staging").glob(".episode-*")), "killed while writing"
    safe = begin_recording(root, PLAN, resume=True)
    assert safe == list(range((fsync - 1) // 7)), "each episode takes seven fsyncs"
    assert not list((root / ".staging").glob(".episode-*"))
    stage(root, [index for index in range(8) if index not in safe])
    assert finalize(root, synthetic.EMBODIMENT, PLAN) == Manifest.read(recorded).content_sha256


def test_a_kill_at_any_time_from_outside(tmp_path, recorded, synthetic, stage):
    root = tmp_path / "set"
    begin_recording(root, PLAN)
    process = start("stage", root, 0, *range(8))
    while len(list((root / ".staging").glob("episode-*"))) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    safe = verify_staged(root)
    assert safe[:3] == [0, 1, 2]
    stage(root, [index for index in range(8) if index not in safe])
    assert finalize(root, synthetic.EMBODIMENT, PLAN) == Manifest.read(recorded).content_sha256


@pytest.mark.parametrize("fsync", [1, 4, 8, 13, 18])
def test_a_killed_finalization_loses_nothing(tmp_path, recorded, synthetic, stage, fsync):
    root = tmp_path / "set"
    stage(root, range(8))
    assert start("finalize", root, fsync).wait() == -signal.SIGKILL
    if not committed(root):
        assert begin_recording(root, PLAN, resume=True) == list(range(8))
    assert finalize(root, synthetic.EMBODIMENT, PLAN) == Manifest.read(recorded).content_sha256
    assert info(root)["verified"]
    assert not (root / ".staging").exists()


def test_a_kill_between_the_commit_and_the_cleanup(tmp_path, recorded, synthetic, stage, record):
    root = tmp_path / "set"
    record(root)
    (root / ".staging" / "episode-000003").mkdir(parents=True)
    assert begin_recording(root, PLAN, resume=True) == list(range(8))
    assert finalize(root, synthetic.EMBODIMENT, PLAN) == Manifest.read(recorded).content_sha256
    assert not (root / ".staging").exists()
