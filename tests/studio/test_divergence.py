import numpy as np
import pytest
from ball_world import EMBODIMENT

from praxia.core.embodiment import Embodiment, Field
from praxia.studio.divergence import TOLERANCE, TrajectoryMatch, match_trajectory, motion_fields

# A hand that moves 100 steps of 1 cm to the right; the diagonal of its bounding box is 1 m.
RIGHT = np.array([0.01, 0.0])
PATH = np.arange(101)[:, None] * RIGHT
HAND = [slice(0, 2)]


def turned_away_at(step: int, steps: int = 300, speed: float = 1.0) -> np.ndarray:
    """The same path until a step, at another speed, and from there straight up."""
    times = np.arange(steps + 1)
    along, up = np.minimum(times, step) * speed, np.maximum(times - step, 0)
    return np.stack([along, up], axis=1) / 100


@pytest.mark.parametrize("step", [10, 45, 90])
def test_an_episode_that_turns_away_diverges_beyond_the_tolerance(step):
    match = match_trajectory(turned_away_at(step), PATH, HAND)
    assert match.share == pytest.approx(step / 100)
    assert match.diverged_step == step + round(100 * TOLERANCE), "1 cm per step, of a diagonal of 1 m"


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_another_speed_is_not_a_divergence(speed):
    match = match_trajectory(turned_away_at(round(60 / speed), speed=speed), PATH, HAND)
    assert match.share == pytest.approx(0.6)
    assert match.diverged_step == round(60 / speed) + round(100 * TOLERANCE)


def test_an_episode_that_reached_the_end_may_leave_it_afterwards():
    there = np.concatenate([PATH, np.repeat(PATH[-1:], 200, axis=0)])
    assert match_trajectory(there, PATH, HAND) == TrajectoryMatch(1.0, None)
    assert match_trajectory(turned_away_at(100), PATH, HAND) == TrajectoryMatch(1.0, 115)


def test_an_episode_that_never_moves_follows_nothing():
    assert match_trajectory(np.zeros((500, 2)), PATH, HAND) == TrajectoryMatch(0.0, None)


def test_a_short_detour_matches_and_one_longer_than_the_skip_does_not():
    detour = PATH.copy()
    detour[40:45, 1] = 0.5
    assert match_trajectory(detour, PATH, HAND) == TrajectoryMatch(1.0, None)
    detour[40:70, 1] = 0.5
    assert match_trajectory(detour, PATH, HAND) == TrajectoryMatch(39 / 100, 40)


def test_a_path_there_and_back_is_followed_in_order():
    there_and_back = np.concatenate([PATH, PATH[-2::-1]])
    assert match_trajectory(there_and_back, there_and_back, HAND) == TrajectoryMatch(1.0, None)
    # The path ends where it began, but an episode that never moves has not followed it to the end.
    assert match_trajectory(np.zeros((500, 2)), there_and_back, HAND).share == 0.0


def test_each_field_is_relative_to_its_own_range_and_still_fields_are_ignored():
    # An angle that moves by 0.1 rad, a hand that moves by 1 m, and a goal that differs but never moves.
    angle, goal = np.arange(101)[:, None] / 1000, np.ones((101, 1))
    reference = np.concatenate([PATH, angle, goal], axis=1)
    fields = [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert match_trajectory(np.concatenate([PATH, angle, 2 * goal], axis=1), reference, fields) == TrajectoryMatch(
        1.0, None
    )
    stuck = np.concatenate([PATH, np.minimum(angle, 0.03), goal], axis=1)
    # Twice the tolerance lies between the hand's position and the still angle.
    assert match_trajectory(stuck, reference, fields).diverged_step == 30 + round(2 * 100 * TOLERANCE)


def test_motion_fields_are_the_positions_of_a_state():
    state = (
        Field("gripper", 1, "gripper", "1"),
        Field("joints", 6, "position", "rad"),
        Field("speed", 6, "velocity", "rad/s"),
        Field("block", 2, "position", "m"),
    )
    embodiment = Embodiment("arm", state, (), (), 10.0)
    assert motion_fields(embodiment) == [slice(1, 7), slice(13, 15)]
    assert motion_fields(EMBODIMENT) == [slice(0, 1)]
