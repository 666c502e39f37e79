import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from praxia_testing import EMBODIMENT, SMALL_EMBODIMENT, TEXTS

from praxia.core.embodiment import Embodiment
from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.core.window import Window
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun


def make_episode(index: int, embodiment: Embodiment = EMBODIMENT) -> Episode:
    """12 steps; the action is a linear function of the state, turned round by the instruction."""
    rng = generator("episode", index)
    state = rng.uniform(-1, 1, (12, embodiment.state_dim)).astype(np.float32)
    action = (state[:, : embodiment.action_dim] * (1 if index % 2 else -1)).astype(np.float32)
    end = np.arange(12) == 11
    return Episode(
        embodiment=embodiment,
        images={camera.name: rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8) for camera in embodiment.cameras},
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


def record(
    root, embodiment: Embodiment = EMBODIMENT, first: int = 0, changed: Callable[[Episode], Episode] = lambda one: one
):
    """Six episodes, of which number 5 failed."""
    begin_recording(root, {"episodes": 6})
    for index in range(6):
        stage_episode(root, index, changed(make_episode(first + index, embodiment)))
    finalize(root, embodiment, {"episodes": 6})
    return root


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory):
    return record(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="session")
def mixed_paths(dataset_path, tmp_path_factory):
    """Two data sets of the toy embodiment with one of the small embodiment between them."""
    folder = tmp_path_factory.mktemp("mixed")
    return [dataset_path, record(folder / "small", SMALL_EMBODIMENT, first=20), record(folder / "more", first=40)]


@pytest.fixture(scope="session")
def record_as():
    """`record_as(folder, embodiment, changed=...)` writes six episodes of that embodiment, each `changed`."""
    return record


@pytest.fixture
def tiny_run() -> TrainRun:
    encoder = FilmCNN(text=PooledText(width=16, num_heads=2), channels=(8, 8, 8, 8), width=32)
    window = Window({"image.front": (0,), "state": (0,)}, horizon=4)
    options = Train(steps=6, batch_size=8, warmup_steps=2, log_every=2, checkpoint_s=0.0, shift_px=1)
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=Flow(ResidualMLP(width=32, depth=1))), window=window, train=options
    )


@pytest.fixture
def shorter(tiny_run):
    """`tiny_run` stopped early: the same schedule, so that a resumed run can be compared."""
    return lambda steps: dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, steps=steps))
