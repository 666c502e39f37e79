import numpy as np
import pytest
from toy_world import job

from praxia.core.types import Outcome
from praxia.rollout.types import Trajectory


def trajectory(*outcomes: Outcome, error: str | None = None) -> Trajectory:
    actions = np.zeros((len(outcomes), 1), np.float32)
    return Trajectory(job(0), actions, actions, outcomes, (), (), error, 0.0)


def step(success: bool = False, progress: float | None = None) -> Outcome:
    return Outcome(0.0, False, False, success, progress)


@pytest.mark.parametrize(
    ("outcomes", "progress"),
    [
        ((), 0.0),
        ((step(), step()), 0.0),
        ((step(), step(success=True)), 1.0),
        ((step(success=True), step()), 0.0),
        ((step(progress=0.0), step(progress=0.5)), 0.5),
        ((step(progress=0.5), step(success=True, progress=1.0)), 1.0),
    ],
)
def test_progress_is_the_environments_or_else_all_or_nothing(outcomes: tuple[Outcome, ...], progress: float):
    assert trajectory(*outcomes).progress == progress


def test_a_crashed_episode_keeps_its_progress():
    crashed = trajectory(step(progress=0.25), error="OSError: gone")
    assert (crashed.progress, crashed.status("ever")) == (0.25, "error")
