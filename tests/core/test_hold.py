from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from praxia.core.embodiment import Embodiment, Field, Kind
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.hold import HoldAction
from praxia.core.keys import content_key

STATE = (
    Field("speed", 2, "velocity", "m/s"),
    Field("joints", 3, "position", "rad", low=-3.0, high=3.0),
    Field("fingers", 1, "gripper", "m", low=0.0, high=0.08),
    Field("hand", 2, "position", "m", frame="world"),
)
SEEN = np.array([9, 8, 0.1, 0.2, 0.3, 0.05, 7, 6], np.float32)


def embodiment(*action: Field, **hold) -> Embodiment:
    return Embodiment("arm", STATE, action, (), 20.0, hold)


@pytest.mark.parametrize(
    ("action", "hold", "expected"),
    [
        (Field("joints", 3, "delta", "rad"), {}, [0, 0, 0]),
        (Field("joints", 3, "velocity", "rad/s"), {}, [0, 0, 0]),
        (Field("joints", 3, "torque", "N m"), {}, [0, 0, 0]),
        (Field("joints", 3, "position", "rad", low=-2.0, high=2.0), {}, [0.1, 0.2, 0.3]),
        (Field("hand", 2, "position", "m", frame="world"), {}, [7, 6]),
        (Field("place", 2, "position", "m", frame="world"), {"place": "hand"}, [7, 6]),
        (Field("place", 2, "position", "m", frame="world"), {"place": 0.5}, [0.5, 0.5]),
        (Field("fingers", 1, "gripper", "m", low=0.0, high=0.08), {}, [0.05]),
        (Field("fingers", 1, "gripper", "1", low=-1.0, high=1.0), {}, [0]),
        (Field("fingers", 1, "gripper", "1", low=0.0, high=1.0), {"fingers": 0.7}, [0.7]),
        (Field("grip", 1, "gripper", "m", low=0.0, high=0.1), {"grip": "fingers"}, [0.05]),
        (Field("mode", 1, "discrete", ""), {"mode": 2.0}, [2]),
    ],
)
def test_each_kind_of_field_holds_by_its_meaning_or_by_the_declaration(action, hold, expected):
    assert action.kind in get_args(Kind)
    other = Field("turn", 1, "delta", "rad")
    action_taken = HoldAction.of(embodiment(other, action, **hold))(SEEN)
    assert action_taken.dtype == np.float32
    np.testing.assert_array_equal(action_taken, np.array([0, *expected], np.float32))
    # After an action a target stays what it was; what is no target is as in any state.
    executed = np.arange(1, 2 + action.size, dtype=np.float32)
    is_target = HoldAction.of(embodiment(other, action, **hold)).action
    held = [executed[at] if at in is_target else action_taken[at] for at in range(len(executed))]
    np.testing.assert_array_equal(HoldAction.of(embodiment(other, action, **hold)).after(executed), held)


@pytest.mark.parametrize(
    ("action", "hold", "message"),
    [
        (Field("wrist", 2, "position", "rad"), {}, r"action 'wrist' \(position \[2\] rad\) still.*hold=\{'wrist'"),
        (
            Field("joints", 3, "position", "deg"),
            {},
            r"'joints' \(position \[3\] deg\).*'joints' \(position \[3\] rad\)",
        ),
        (Field("hand", 2, "position", "m", frame="base"), {}, "'hand'"),
        (Field("speed", 2, "position", "m/s"), {}, "'speed'"),
        (Field("fingers", 1, "gripper", "m", low=0.0, high=0.1), {}, "'fingers'"),
        (Field("fingers", 1, "gripper", "1"), {}, "'fingers'"),
        (Field("mode", 1, "discrete", ""), {}, "'mode'"),
        (Field("joints", 3, "discrete", "rad", low=-3.0, high=3.0), {}, "'joints'"),
        (
            Field("place", 2, "position", "cm"),
            {"place": "hand"},
            r"of action 'place'.*got 'hand' \(position \[2\] m world",
        ),
    ],
)
def test_what_is_not_known_is_refused_in_one_line_that_names_what_to_declare(action, hold, message):
    with pytest.raises(MismatchError, match=message) as refusal:
        HoldAction.of(embodiment(action, **hold))
    assert "\n" not in str(refusal.value)


def test_a_declaration_of_what_the_embodiment_has_not_names_the_nearest():
    place = Field("place", 2, "position", "m", frame="world")
    with pytest.raises(UnknownName, match="'plase'; nearest: place"):
        HoldAction.of(embodiment(place, plase="hand"))
    with pytest.raises(UnknownName, match="'hands'; nearest: hand"):
        HoldAction.of(embodiment(place, place="hands"))


def test_a_hold_declaration_is_saved_and_an_embodiment_without_one_is_written_as_before():
    plain = embodiment(Field("mode", 1, "discrete", ""))
    declared = replace(plain, hold={"mode": 2.0})
    assert "hold" not in plain.to_json()
    assert Embodiment.from_json(plain.to_json()) == plain
    assert Embodiment.from_json(declared.to_json()) == declared
    assert hash(declared) == hash(plain) != hash(replace(plain, name="other"))
    assert content_key(plain.to_json()) != content_key(declared.to_json())
