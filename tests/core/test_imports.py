"""Torch-free packages import no torch in any module: a package's `__init__` escapes the import contract."""

import pkgutil
import subprocess
import sys

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
    modules = [
        info.name for info in pkgutil.walk_packages(praxia.__path__, "praxia.") if _package(info.name) == package
    ]
    assert modules
    _import_and_check(modules, "torch", "lightning")


def test_help_imports_nothing_heavy():
    _import_and_check(["praxia.cli.main"], "torch", "lightning", "numpy", "mujoco", "pyarrow", "av")


def _package(name: str) -> str:
    return name.split(".")[1]


def _import_and_check(modules, *heavy):
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
