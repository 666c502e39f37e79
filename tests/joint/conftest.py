"""Demonstrations in TwoRoom with images of the goal, and a small joint model for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.types import EnvSpec, Query
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.envs import build, find_family
from praxia.nn.queries import to_batch
from praxia.recipes.worlds import uwm_tworoom
from praxia.training.batches import model_shapes
from praxia.worlds.lewm import LeWM

SMALL = FilmCNN(text=NoText(), channels=(8, 8, 16, 16), width=32)


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory):
    """Four episodes, at 16 px."""
    root = tmp_path_factory.mktemp("demonstrations") / "data"
    plan = CollectionPlan("tworoom", ("any",), 4, horizon=40, size=16, cameras=("top", "goal"), noise=(0.4,), seed=1)
    collect(plan, root, find_family("tworoom"))
    return root


@pytest.fixture(scope="session")
def small_run():
    run = uwm_tworoom()
    latents = LeWM(
        SMALL, stride=2, width=16, depth=1, num_heads=2, head_width=8, projector_width=32, num_projections=64
    )
    model = replace(run.model, latents=latents, width=32, depth=2, num_heads=2, num_registers=2)
    train = replace(run.train, steps=4, batch_size=8, warmup_steps=1, log_every=1, checkpoint_s=0.0)
    return replace(run, model=model, train=train)


@pytest.fixture(scope="session")
def data(demonstrations, small_run):
    """(windows, transforms, shapes)."""
    windows = Mixture([Windows(Dataset(demonstrations), small_run.window, range(4))])
    transforms = fit_transforms(windows, compute_statistics(windows.entries, {}))
    return windows, transforms, model_shapes(windows.window, windows.embodiments, transforms)


@pytest.fixture(scope="session")
def batch_of(data):
    """`batch_of(rows)`: those windows as a batch."""
    windows, transforms, _ = data
    return lambda rows: to_batch(transforms.encode(windows.read(np.array(rows))), transforms)


@pytest.fixture
def model_of(data, small_run):
    """`model_of(opened)`: the small model, the same every time; opened: its network is not zero any more."""

    def make(opened=False, **changes):
        torch.manual_seed(0)
        model = replace(small_run.model, **changes).build(data[2])
        for name, value in model.network.named_parameters():
            if opened and ("modulate" in name or "_out" in name):
                torch.nn.init.normal_(value, std=0.2)
        return model

    return make


@pytest.fixture(scope="session")
def queries():
    """`queries(num)`: the present of so many episodes, at 16 px."""

    def make(num):
        family, found = find_family("tworoom"), []
        for index in range(num):
            env = build(EnvSpec("tworoom", "any", size=16))
            env.reset(family.draw_start("any", "joint", index))
            found.append(Query((env.observe(("top", "goal")),), str(index), 0, index))
        return found

    return make
