import dataclasses

import numpy as np
import pytest
from praxia_testing import BODY, TEXTS

from praxia.core.keys import generator
from praxia.core.types import Start, Window
from praxia.data.compact import compact
from praxia.data.episode import Episode
from praxia.data.recording import begin
from praxia.data.staging import stage_episode
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.language import SubwordText
from praxia.heads.flow import Flow
from praxia.policies.composed import Composed
from praxia.train.config import Train, TrainRun


def make_episode(index: int) -> Episode:
    """12 steps; the action is a linear function of the state, turned round by the instruction."""
    rng = generator("episode", index)
    state = rng.uniform(-1, 1, (12, 3)).astype(np.float32)
    action = (state[:, :2] * (1 if index % 2 else -1)).astype(np.float32)
    end = np.arange(12) == 11
    return Episode(
        embodiment=BODY,
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


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "toy"
    begin(root, {"episodes": 6})
    for index in range(6):
        stage_episode(root, index, make_episode(index))
    compact(root, BODY, {"episodes": 6})
    return root


@pytest.fixture
def tiny_run() -> TrainRun:
    encoder = FilmCNN(text=SubwordText(width=16, num_heads=2), channels=(8, 8, 8, 8), width=32)
    window = Window({"image.front": (0,), "state": (0,)}, horizon=4)
    options = Train(steps=6, batch_size=8, warmup_steps=2, log_every=2, checkpoint_s=0.0, shift_px=1)
    return TrainRun(model=Composed(encoder=encoder, head=Flow(width=32, depth=1)), window=window, train=options)


@pytest.fixture
def shorter(tiny_run):
    """`tiny_run` stopped early: the same schedule, so that a resumed run can be compared."""
    return lambda steps: dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, steps=steps))
