import importlib.util
import sys
from pathlib import Path

import pytest

from praxia.data.compact import compact
from praxia.data.recording import begin
from praxia.data.staging import stage_episode

PLAN = {"seed": 0}


def _load(name):
    found = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic():
    """The module of the synthetic robot."""
    return _load("synthetic")


@pytest.fixture(scope="session")
def foreign(synthetic):
    """The module that writes the synthetic robot's data sets as others do."""
    sys.modules.setdefault("synthetic", synthetic)
    return _load("foreign")


@pytest.fixture(scope="session")
def stage(synthetic):
    """Begin a recording and stage the given episodes."""

    def do(root, indices):
        begin(root, PLAN, resume=True)
        for index in indices:
            stage_episode(root, index, synthetic.episode(index))

    return do


@pytest.fixture(scope="session")
def record(synthetic, stage):
    """A whole data set of the given episodes."""

    def do(root, indices=range(8)):
        stage(root, indices)
        return compact(root, synthetic.BODY, PLAN)

    return do


@pytest.fixture(scope="session")
def recorded(record, tmp_path_factory):
    """A data set of episodes 0 to 7 that no test may change."""
    root = tmp_path_factory.mktemp("recorded") / "set"
    record(root)
    return root
