"""The scripts of speed/ run as they are called in the documents, without variables of the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[2] / "speed"
SOURCE = SPEED.parent / "src"


@pytest.mark.parametrize("script", ["evaluate", "exactness", "tabletop"])
def test_what_draws_finds_how_by_itself(script):
    code = f"import {script}; from mujoco.gl_context import GLContext; print(GLContext.__module__)"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, (SPEED, SOURCE)))}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "mujoco.egl\n"), done.stderr
