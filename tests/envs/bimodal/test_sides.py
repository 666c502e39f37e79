import numpy as np
import pytest

from praxia.envs.bimodal.sides import num_switches, side


def states(*positions: tuple[float, float]) -> np.ndarray:
    """The states of a robot at these positions, with the obstacle at (0.1, 0.5)."""
    return np.array([[x + 0.1, y + 0.5, 0.1, 0.5, 0.1, 1.5] for x, y in positions], np.float32)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([(0, -0.5), (-0.4, -0.1), (-0.4, 0.2), (0, 1)], "left"),
        ([(0, -0.5), (0.4, -0.1), (0.4, 0.2), (0, 1)], "right"),
        ([(0, -0.5), (0, -0.4)], None),
        ([(0, -0.5)], None),
        # The state before it is on the middle line, but the segment passes to the left of the obstacle.
        ([(0, -0.5), (0.0, -0.4), (-0.8, 0.4)], "left"),
        # What happens behind the obstacle is of no interest.
        ([(0, -0.5), (0.4, 0.1), (-0.4, 0.3), (-0.4, -0.1), (-0.4, 0.2)], "right"),
    ],
)
def test_the_side_is_where_the_robot_passed(positions, expected):
    assert side(states(*positions)) == expected


@pytest.mark.parametrize(
    ("asides", "expected"),
    [
        ([0, -0.2, -0.4, -0.4], 0),
        ([0.01, -0.2, 0.01, -0.4], 0),  # nearer than 5 cm is on no side
        ([0, 0.2, -0.2, -0.4], 1),
        ([0, 0.2, -0.2, 0.2], 2),
    ],
)
def test_switches_are_counted_up_to_the_obstacle(asides, expected):
    before = list(zip(asides, (-0.5, -0.4, -0.3, -0.2), strict=True))
    beyond = [(asides[-1], 0.1), (-asides[-1], 0.5)]
    assert num_switches(states(*before)) == expected
    assert num_switches(states(*before, *beyond)) == expected
