import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def feeding():
    """The module that feeds episodes to a recorder frame by frame."""
    found = importlib.util.spec_from_file_location("feeding", HERE / "feeding.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def killed():
    """Record frames in a process that is then killed; returns what `killed_live.py` reports before."""
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "killed_live.py")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def do(root, index, frames, asking=process.stdin, answering=process.stdout, **options):
        asking.write(json.dumps({"root": str(root), "index": index, "frames": frames, **options}) + "\n")
        asking.flush()
        return json.loads(answering.readline())

    yield do
    process.communicate()
    assert process.returncode == 0


@pytest.fixture
def contents():
    """Name and bytes of every file of a staged episode."""

    def do(root, index):
        folder = root / ".staging" / f"episode-{index:06d}"
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    return do
