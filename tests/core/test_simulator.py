import numpy as np
import pytest

from praxia.core.errors import MismatchError
from praxia.core.simulator import flat_privileged, reveal, revealed
from praxia.core.types import Start

LAYOUT = {"position": 3, "held": 1, "jacobian": 4}


def test_privileged_state_is_flat_in_the_declared_order():
    values = {
        "jacobian": np.array([[4.0, 5], [6, 7]]),
        "verb": np.array("push"),
        "held": np.array(True),
        "position": np.array([0.0, 1, 2]),
    }
    np.testing.assert_array_equal(flat_privileged(values, LAYOUT), [0, 1, 2, 1, 4, 5, 6, 7])
    assert flat_privileged({}, {}).shape == (0,)


def test_what_does_not_fit_the_layout_is_refused():
    with pytest.raises(MismatchError, match="'position' of 3 numbers, got only 'held'"):
        flat_privileged({"held": np.array(True)}, LAYOUT)
    with pytest.raises(MismatchError, match="'position' of 3 numbers, got 2"):
        flat_privileged({"position": np.zeros(2)}, LAYOUT)


def test_a_start_and_a_snapshot_pass_through_privileged_state():
    start, snapshot = Start("room", "reach", {"goal": [1.0, 2.5], "seed": 3}), bytes(range(256))
    assert revealed({"other": np.zeros(2), **reveal(start, snapshot)}) == (start, snapshot)
    for privileged in (None, {"position": np.zeros(3)}):
        with pytest.raises(MismatchError, match=r"revealing\(family\)"):
            revealed(privileged)
