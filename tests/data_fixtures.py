"""Fixtures of the tests of data, data loader and data tools: data sets of the synthetic robot."""

import foreign as foreign_module
import pytest
import synthetic as synthetic_module

from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

PLAN = {"seed": 0}


@pytest.fixture(scope="session")
def synthetic():
    """The module of the synthetic robot."""
    return synthetic_module


@pytest.fixture(scope="session")
def foreign():
    """The module that writes the synthetic robot's data sets as others do."""
    return foreign_module


@pytest.fixture(scope="session")
def stage(synthetic):
    """Begin a recording and stage the given episodes."""

    def do(root, indices):
        begin_recording(root, PLAN, resume=True)
        for index in indices:
            stage_episode(root, index, synthetic.episode(index))

    return do


@pytest.fixture(scope="session")
def record(synthetic, stage):
    """A finished data set of the given episodes."""

    def do(root, indices=range(8)):
        stage(root, indices)
        return finalize(root, synthetic.EMBODIMENT, PLAN)

    return do


@pytest.fixture(scope="session")
def recorded(record, tmp_path_factory):
    """A data set of episodes 0 to 7 that no test may change."""
    root = tmp_path_factory.mktemp("recorded") / "set"
    record(root)
    return root
