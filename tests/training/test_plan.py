"""The plan of a run: counted from the data and the model."""

import dataclasses

from praxia.checkpoint.store import load_policy
from praxia.core.window import EVERY_CAMERA, Window
from praxia.training import engine
from praxia.training.plan import Plan

PLAN = Plan("film-cnn + flow", 1_234_567, (("top", 128, 128), ("side", 96, 72)), 12, 720, 16, 30.0, 5000, 128)


def test_a_plan_in_words():
    assert PLAN.lines() == [
        "model: film-cnn + flow, 1.2M parameters",
        "cameras: top 128x128, side 96x72",
        "data: 12 episodes, 720 windows; chunks of 16 actions (0.53 s)",
        "training: 5000 steps of 128 windows, 889 epochs",
    ]
    assert dataclasses.replace(PLAN, cameras=()).lines()[1] == "cameras: none"
    sequences = dataclasses.replace(PLAN, horizon=1, sequence_length=64)
    assert sequences.lines()[2] == "data: 12 episodes, 720 windows; sequences of 64 steps (2.1 s)"


def test_a_run_announces_what_it_does_before_its_first_step(tiny_run, dataset_path, tmp_path):
    run = dataclasses.replace(tiny_run, window=Window({EVERY_CAMERA: (0,), "state": (0,)}, 4), image_size=12)
    told = []
    engine.train(
        run,
        [dataset_path],
        tmp_path / "run",
        recipe="tiny",
        command="",
        announce=told.append,
        progress=lambda step, loss: told.append(step),
    )
    plan, _, *steps = told
    assert steps == [0, 1, 2, 3, 4, 5, 6]
    model = load_policy(tmp_path / "run")[0].model
    # Five of the six episodes succeeded, of 12 steps each.
    assert plan == Plan(
        model="film-cnn + flow",
        parameters=sum(value.numel() for value in model.parameters()),
        cameras=(("front", 12, 12),),
        episodes=5,
        windows=60,
        horizon=4,
        rate_hz=10.0,
        steps=6,
        batch_size=8,
    )
    assert plan.epochs == 0.8
