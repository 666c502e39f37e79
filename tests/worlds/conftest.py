"""Random walks in TwoRoom, and a small LeWM for them."""

from dataclasses import replace

import pytest
import torch
from latent_testing import record_walks, small_lewm

from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.nn.queries import to_batch
from praxia.training.batches import model_shapes


@pytest.fixture(scope="session")
def walks(tmp_path_factory):
    """Four episodes of 30 random steps, at 16 px."""
    return record_walks(tmp_path_factory.mktemp("walks") / "data")


@pytest.fixture(scope="session")
def small_run():
    return small_lewm()


@pytest.fixture(scope="session")
def data(walks, small_run):
    """(windows, transforms, shapes)."""
    windows = Mixture([Windows(Dataset(walks), small_run.window, range(4))])
    transforms = fit_transforms(windows, compute_statistics(windows.entries, {}))
    return windows, transforms, model_shapes(windows.window, windows.embodiments, transforms)


@pytest.fixture(scope="session")
def batch_of(data):
    """`batch_of(rows)`: those windows as a batch."""
    windows, transforms, _ = data
    return lambda rows: to_batch(transforms.encode(windows.read(rows)), transforms)


@pytest.fixture
def build(data, small_run):
    """`build(**changes)`: the small model, the same every time but for the changes."""

    def make(seed=0, **changes):
        torch.manual_seed(seed)
        return replace(small_run.model, **changes).build(data[2])

    return make
