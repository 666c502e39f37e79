"""Recipes for policies in TwoRoom, beside plans in a world: on its latents, on images, and without the goal."""

from dataclasses import replace

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.goal_inverse import GoalInverse
from praxia.training.config import Train, TrainRun

__all__ = ["GOAL", "TO_GOAL", "goal_inverse_tworoom", "regression_tworoom", "regression_tworoom_goal_free"]

# Two blocks of the world of "lewm-tworoom", and what the benchmark executes of a plan.
HORIZON = 10

# A later image of the episode is the goal that its executed actions led to.
GOAL = {"image.top": "image.goal"}
TO_GOAL = Window({"image.top": (0,), "image.goal": (0,)}, HORIZON, goal=GOAL, executed=True)

# The encoder of "lewm-tworoom".
SMALL = FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128)


def goal_inverse_tworoom() -> TrainRun:
    """Latents of present and goal in a frozen world (`--start-from`) -> two blocks of 5 actions, by regression."""
    return TrainRun(
        model=GoalInverse(Regression(), goal=GOAL),
        window=TO_GOAL,
        train=Train(steps=3000, batch_size=128, shift_px=0),
        only_success=False,
    )


def regression_tworoom() -> TrainRun:
    """Images of present and goal -> 10 actions by regression: as `goal-inverse-tworoom`, without a world."""
    return replace(goal_inverse_tworoom(), model=EncoderHead(SMALL, Regression()))


def regression_tworoom_goal_free() -> TrainRun:
    """The present image -> 10 actions by regression: what of success in TwoRoom needs no goal."""
    return TrainRun(
        model=EncoderHead(SMALL, Regression()),
        window=Window({"image.top": (0,)}, HORIZON),
        train=Train(steps=500, batch_size=64, shift_px=0),
    )
