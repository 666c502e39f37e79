import numpy as np
import pytest
from ball_world import EMBODIMENT

from praxia.core.embodiment import Embodiment, Field
from praxia.studio.divergence import WITHIN, Followed, follow, motion_fields

# A hand that goes 100 steps of 1 cm to the right, then nowhere; the box it moves in has a diagonal of 1 m.
RIGHT = np.array([0.01, 0.0])
WAY = np.arange(101)[:, None] * RIGHT
HAND = [slice(0, 2)]


def turned_away_at(step: int, steps: int = 300, speed: float = 1.0) -> np.ndarray:
    """The same way until a step, at another speed, and from there straight up."""
    times = np.arange(steps + 1)
    along, up = np.minimum(times, step) * speed, np.maximum(times - step, 0)
    return np.stack([along, up], axis=1) / 100


@pytest.mark.parametrize("step", [10, 45, 90])
def test_an_episode_that_turns_away_has_left_when_it_is_further_than_the_threshold(step):
    followed = follow(turned_away_at(step), WAY, HAND)
    assert followed.share == pytest.approx(step / 100)
    assert followed.left_step == step + round(100 * WITHIN), "1 cm a step, of a diagonal of 1 m"


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_slower_and_faster_is_not_another_way(speed):
    followed = follow(turned_away_at(round(60 / speed), speed=speed), WAY, HAND)
    assert followed.share == pytest.approx(0.6)
    assert followed.left_step == round(60 / speed) + round(100 * WITHIN)


def test_who_came_to_the_end_followed_to_the_end_and_may_leave_it_then():
    there = np.concatenate([WAY, np.repeat(WAY[-1:], 200, axis=0)])
    assert follow(there, WAY, HAND) == Followed(1.0, None)
    assert follow(turned_away_at(100), WAY, HAND) == Followed(1.0, 115)


def test_who_never_moves_stays_where_the_reference_began():
    assert follow(np.zeros((500, 2)), WAY, HAND) == Followed(0.0, None)


def test_coming_back_counts_and_a_detour_longer_than_what_may_be_skipped_does_not():
    detour = WAY.copy()
    detour[40:45, 1] = 0.5
    assert follow(detour, WAY, HAND) == Followed(1.0, None)
    detour[40:70, 1] = 0.5
    assert follow(detour, WAY, HAND) == Followed(39 / 100, 40)


def test_a_way_there_and_back_is_followed_in_order():
    there_and_back = np.concatenate([WAY, WAY[-2::-1]])
    assert follow(there_and_back, there_and_back, HAND) == Followed(1.0, None)
    # The end of the way is where it began, but who never set out has not followed to the end.
    assert follow(np.zeros((500, 2)), there_and_back, HAND).share == 0.0


def test_each_field_is_measured_by_its_own_range_and_fields_that_rest_are_left_out():
    # An angle that goes by 0.1 rad beside a hand that goes by 1 m, and a goal that differs but never moves.
    angle, goal = np.arange(101)[:, None] / 1000, np.ones((101, 1))
    reference = np.concatenate([WAY, angle, goal], axis=1)
    fields = [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert follow(np.concatenate([WAY, angle, 2 * goal], axis=1), reference, fields) == Followed(1.0, None)
    stuck = np.concatenate([WAY, np.minimum(angle, 0.03), goal], axis=1)
    # Between where the hand is and where the angle rests lie twice the threshold.
    assert follow(stuck, reference, fields).left_step == 30 + round(2 * 100 * WITHIN)


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
