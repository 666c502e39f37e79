"""Random walks in TwoRoom, and a small LeWM for them."""

from dataclasses import replace

import pytest
import torch

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.envs import find_family
from praxia.nn.queries import to_batch
from praxia.recipes.worlds import lewm_tworoom
from praxia.training.batches import model_shapes

SMALL = FilmCNN(text=NoText(), channels=(8, 8, 16, 16), width=32)


@pytest.fixture(scope="session")
def walks(tmp_path_factory):
    """Four episodes of 30 random steps, at 16 px."""
    root = tmp_path_factory.mktemp("walks") / "data"
    plan = CollectionPlan(
        "tworoom", ("any",), 4, horizon=30, size=16, cameras=("top",), noise=(0.0,), policy="random", seed=1
    )
    collect(plan, root, find_family("tworoom"))
    return root


@pytest.fixture(scope="session")
def small_run():
    run = lewm_tworoom()
    model = replace(run.model, encoder=SMALL, width=16, depth=2, projector_width=32, num_projections=64)
    train = replace(run.train, steps=4, batch_size=8, warmup_steps=1, log_every=1, checkpoint_s=0.0)
    return replace(run, model=model, train=train, only_success=False)


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
