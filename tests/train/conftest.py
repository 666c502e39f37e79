import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from praxia_testing import BODY, SMALL_BODY, TEXTS

from praxia.core.keys import generator
from praxia.core.types import Embodiment, Start, Window
from praxia.data.compact import compact
from praxia.data.episode import Episode
from praxia.data.recording import begin
from praxia.data.staging import stage_episode
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.language import SubwordText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.policies.composed import Composed
from praxia.train.config import Train, TrainRun


def make_episode(index: int, body: Embodiment = BODY) -> Episode:
    """12 steps; the action is a linear function of the state, turned round by the instruction."""
    rng = generator("episode", index)
    state = rng.uniform(-1, 1, (12, body.state_dim)).astype(np.float32)
    action = (state[:, : body.action_dim] * (1 if index % 2 else -1)).astype(np.float32)
    end = np.arange(12) == 11
    return Episode(
        embodiment=body,
        images={"front": rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)},
        state=state,
        action=action,
        executed_action=action,
        reward=np.zeros(12, np.float32),
        success=end & (index != 5),
        terminated=end,
        truncated=np.zeros(12, bool),
        instruction=TEXTS[index % 2],
        task=f"task-{index % 2}",
        start=Start("toy", f"task-{index % 2}", {"index": index}),
    )


def record(root, body: Embodiment = BODY, first: int = 0, changed: Callable[[Episode], Episode] = lambda one: one):
    """Six episodes, of which number 5 failed."""
    begin(root, {"episodes": 6})
    for index in range(6):
        stage_episode(root, index, changed(make_episode(first + index, body)))
    compact(root, body, {"episodes": 6})
    return root


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory):
    return record(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="session")
def mixed_paths(dataset_path, tmp_path_factory):
    """Two data sets of the toy body with one of the small body between them."""
    folder = tmp_path_factory.mktemp("mixed")
    return [dataset_path, record(folder / "small", SMALL_BODY, first=20), record(folder / "more", first=40)]


@pytest.fixture(scope="session")
def record_as():
    """`record_as(folder, body, changed=...)` writes a data set of six episodes of that body, each `changed`."""
    return record


@pytest.fixture
def tiny_run() -> TrainRun:
    encoder = FilmCNN(text=SubwordText(width=16, num_heads=2), channels=(8, 8, 8, 8), width=32)
    window = Window({"image.front": (0,), "state": (0,)}, horizon=4)
    options = Train(steps=6, batch_size=8, warmup_steps=2, log_every=2, checkpoint_s=0.0, shift_px=1)
    return TrainRun(
        model=Composed(encoder=encoder, head=Flow(ResidualMLP(width=32, depth=1))), window=window, train=options
    )


@pytest.fixture
def shorter(tiny_run):
    """`tiny_run` stopped early: the same schedule, so that a resumed run can be compared."""
    return lambda steps: dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, steps=steps))
