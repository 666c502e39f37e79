"""Praxia without packages that its extras bring."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import praxia

__all__ = ["praxia_without"]

# An interpreter that finds neither them nor their versions, as in an environment without any extra.
WITHOUT = """
from importlib import metadata
from importlib.machinery import PathFinder

ABSENT = {packages}
find_spec, from_name = PathFinder.find_spec, metadata.Distribution.from_name


def find_version(name):
    if name in ABSENT:
        raise metadata.PackageNotFoundError(name)
    return from_name(name)


PathFinder.find_spec = lambda name, *where: None if name.partition(".")[0] in ABSENT else find_spec(name, *where)
metadata.Distribution.from_name = find_version
"""


def praxia_without(packages: set[str], folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of Praxia in `folder`, without `packages`."""
    (folder / "sitecustomize.py").write_text(WITHOUT.format(packages=packages))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path(praxia.__file__).parents[1])])}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "praxia", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)

    return run
