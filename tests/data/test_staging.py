import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError, RecordingError
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode, verify_staged


def test_staged_lists_intact_episodes_and_drops_damaged_ones(tmp_path, stage):
    stage(tmp_path, [4, 0, 2, 7])
    folder = tmp_path / ".staging"
    (folder / "episode-000002" / "front.mp4").write_bytes(b"not what was written")
    (folder / "episode-000007" / "frames.parquet").unlink()
    description = folder / "episode-000004" / "episode.json"
    description.write_text(description.read_text().replace("push-0", "push-1"))
    assert verify_staged(tmp_path) == [0]
    assert [path.name for path in folder.glob("episode-*")] == ["episode-000000"]


def test_staging_again_replaces(tmp_path, synthetic, stage):
    stage(tmp_path, [1, 1])
    assert verify_staged(tmp_path) == [1]


def test_a_finished_data_set_takes_no_more_episodes(tmp_path, synthetic, record):
    record(tmp_path, [0])
    with pytest.raises(PraxiaError, match="already holds a finished data set"):
        stage_episode(tmp_path, 1, synthetic.episode(1))


def test_finalizing_episodes_that_lost_bytes_is_an_error(tmp_path, synthetic, stage):
    stage(tmp_path, range(3))
    (tmp_path / ".staging" / "episode-000001" / "wrist.mp4").write_bytes(b"")
    with pytest.raises(RecordingError, match=r"1 of 3 staged episodes .* --resume"):
        finalize(tmp_path, synthetic.EMBODIMENT, {})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda e: {"action": e.action[:, :2], "executed_action": e.executed_action[:, :2]},
            MismatchError,
            "needs action of shape",
        ),
        (lambda e: {"images": {"front": e.images["front"]}}, MismatchError, "needs images.wrist. of shape"),
        (lambda e: {"snapshots": e.snapshots[1:]}, MismatchError, "snapshots or none"),
        (lambda e: {"state": np.full_like(e.state, np.nan)}, DataError, "state that is not finite"),
    ],
)
def test_an_episode_that_does_not_fit_its_embodiment_is_refused(synthetic, change, error, message):
    episode = synthetic.episode(3)
    with pytest.raises(error, match=message):
        replace(episode, **change(episode))


def test_a_full_disk_is_reported_with_what_was_kept(tmp_path, synthetic, stage, monkeypatch):
    stage(tmp_path, range(2))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordingError, match=r"while writing episode 2; kept: 2 staged episodes .* --resume"):
        stage_episode(tmp_path, 2, synthetic.episode(2))
    with pytest.raises(RecordingError, match=r"while finalizing; kept: 2 staged episodes .* --resume"):
        finalize(tmp_path, synthetic.EMBODIMENT, {})
    monkeypatch.undo()
    assert verify_staged(tmp_path) == [0, 1]
    assert not list((tmp_path / ".staging").glob(".episode-*"))


FILL = """
import synthetic
from praxia.core.errors import RecordingError
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode, verify_staged
begin_recording("set", {})
try:
    for index in range(1000):
        stage_episode("set", index, synthetic.episode(index))
except RecordingError as error:
    assert f"kept: {index} staged episodes" in str(error), error
assert 0 < index < 999 and verify_staged("set") == list(range(index))
try:
    finalize("set", synthetic.EMBODIMENT, {})
except RecordingError as error:
    assert "while finalizing" in str(error), error
else:
    raise SystemExit("the disk was not full")
assert verify_staged("set") == list(range(index))
print("kept", index)
"""


def test_a_really_full_disk(tmp_path):
    """A file system of one megabyte, where the kernel lets an ordinary user mount one of their own."""
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=1m none {tmp_path} && cd {tmp_path}"
    if not unshare or subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no private file systems here; the test above stands in")
    script = f"{mount} && exec {sys.executable} -W error -c '{FILL}'"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    }
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")
    assert "Exception ignored" not in done.stderr


def test_begin_claims_a_folder(tmp_path):
    root = tmp_path / "set"
    assert begin_recording(root, {"tasks": ["a"], "seed": 0}) == []
    with pytest.raises(PraxiaError, match=r"unfinished recording \(0 episodes\).*--resume"):
        begin_recording(root, {"tasks": ["a"], "seed": 0})
    assert begin_recording(root, {"tasks": ("a",), "seed": 0}, resume=True) == []
    with pytest.raises(MismatchError, match="seed was 0 and is now 1"):
        begin_recording(root, {"tasks": ["a"], "seed": 1}, resume=True)


def test_begin_refuses_what_is_not_its_own(tmp_path, record):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(PraxiaError, match="expected an empty or new folder"):
        begin_recording(tmp_path, {})
    record(tmp_path / "set", [0])
    with pytest.raises(PraxiaError, match=r"already holds a finished data set; choose another --out"):
        begin_recording(tmp_path / "set", {"seed": 0})
