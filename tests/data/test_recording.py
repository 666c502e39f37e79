"""One process records into a folder at a time; others are refused until it ends."""

import os
import signal
import subprocess
import sys

import pytest

from praxia.core.errors import PraxiaError
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import verify_staged
from praxia.datatools.record.recorder import Recorder

PLAN = {"seed": 0}

RECORDING = """
import sys
from pathlib import Path
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import staged_episode
root = Path(sys.argv[1])
with recording_lock(root):
    begin_recording(root, {"seed": 0})
    with staged_episode(root, 7):
        print(flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def recording(tmp_path):
    """Another process that records into `tmp_path/set`, in the middle of episode 7."""
    command = [sys.executable, "-c", RECORDING, str(tmp_path / "set")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_another_process_is_refused_everywhere(tmp_path, synthetic, recording):
    root = tmp_path / "set"

    def lock():
        with recording_lock(root):
            pytest.fail("two record at once")

    calls = [
        lock,
        lambda: Recorder(root, synthetic.EMBODIMENT, PLAN, resume=True),
        lambda: finalize(root, synthetic.EMBODIMENT, PLAN),
    ]
    for call in calls:
        with pytest.raises(PraxiaError, match=rf"set is being written by process {recording.pid} on "):
            call()
    verify_staged(root)
    assert (root / ".staging" / ".episode-000007.partial").is_dir(), "what it is writing stays"


def test_after_a_kill_the_next_one_continues_and_cleans_up(tmp_path, synthetic, stage, recording, caplog):
    root = tmp_path / "set"
    stage(root, [3])
    recording.send_signal(signal.SIGKILL)
    recording.wait()
    with recording_lock(root):
        assert begin_recording(root, PLAN, resume=True) == [3]
        assert caplog.messages == [
            f"{root / '.staging'}: a writer was killed here; .episode-000007.partial was removed"
        ]
        finalize(root, synthetic.EMBODIMENT, PLAN)
    assert not (root / ".staging").exists()


def test_one_process_may_record_and_finalize(tmp_path, synthetic, stage):
    root = tmp_path / "set"
    recorder = Recorder(root, synthetic.EMBODIMENT, PLAN)
    again = Recorder(root, synthetic.EMBODIMENT, PLAN, resume=True)
    stage(root, [0])
    finalize(root, synthetic.EMBODIMENT, PLAN)
    assert recorder.recovered == again.recovered == ()
    assert not list(root.rglob(".*"))


def test_a_recorder_holds_its_folder_as_long_as_it_lives(tmp_path, synthetic):
    root = tmp_path / "set"
    recorder = Recorder(root, synthetic.EMBODIMENT, PLAN)
    script = "import sys; from pathlib import Path; from praxia.data.recording import recording_lock\n"
    script += "with recording_lock(Path(sys.argv[1])): pass"
    command = [sys.executable, "-c", script, str(root)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert f"is being written by process {os.getpid()}" in refused.stderr
    assert recorder.indices == []
    del recorder
    assert subprocess.run(command).returncode == 0


def test_a_folder_that_is_refused_is_left_as_it_was(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(PraxiaError, match="expected an empty or new folder"), recording_lock(tmp_path):
        begin_recording(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
