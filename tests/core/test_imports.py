"""Torch-free packages import no torch in any module: a package's `__init__` escapes the import contract."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import praxia

PACKAGES = (
    "core",
    "transforms",
    "action_tokenizers",
    "statistics",
    "data",
    "dataloader",
    "datatools",
    "envs",
    "experts",
    "rollout",
    "results",
    "collect",
    "studio",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_torch_free_package_imports_no_torch(package):
    name = f"praxia.{package}"
    found = pkgutil.walk_packages([str(Path(praxia.__path__[0]) / package)], f"{name}.")
    modules = [name, *(info.name for info in found)]
    assert len(modules) > 1
    _import_and_check(modules, "torch", "lightning")


def test_help_imports_nothing_heavy():
    _import_and_check(["praxia.cli.main"], "torch", "lightning", "numpy", "mujoco", "pyarrow", "av")


def _import_and_check(modules, *heavy):
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
