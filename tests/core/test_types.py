import json
from dataclasses import replace

import pytest

from praxia.core.embodiment import (
    Camera,
    DimNameDifference,
    Embodiment,
    Field,
    dim_name_difference,
    dim_order,
    field_slices,
)
from praxia.core.errors import PraxiaError
from praxia.core.window import EVERY_CAMERA, Window


def test_every_field_is_placed_after_the_one_before():
    fields = [Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", ""), Field("joints", 2, "position", "rad")]
    vector = ["x", "y", "z", "g", "j0", "j1"]
    assert [(part.name, vector[dims]) for part, dims in field_slices(fields)] == [
        ("hand", ["x", "y", "z"]),
        ("grip", ["g"]),
        ("joints", ["j0", "j1"]),
    ]
    assert field_slices([]) == []


def test_another_order_of_cameras_is_another_window():
    window = Window({"image.front": (-1, 0), "image.wrist": (0,), "state": (0,)}, horizon=4)
    turned = Window({"image.wrist": (0,), "image.front": (-1, 0), "state": (0,)}, horizon=4)
    assert window.observation_steps == turned.observation_steps
    assert window != turned
    # Every network has a separate input for the state.
    assert window == Window({"state": (0,), "image.front": (-1, 0), "image.wrist": (0,)}, horizon=4)
    assert window != Window(window.observation_steps, horizon=5)
    assert window != "a window"


def test_every_camera_of_the_data_takes_the_place_and_the_steps_of_the_wildcard():
    window = Window({EVERY_CAMERA: (-1, 0), "state": (0,)}, horizon=4)
    named = window.with_cameras(("top", "side"))
    assert window.sees_every_camera
    assert not named.sees_every_camera
    assert named == Window({"image.top": (-1, 0), "image.side": (-1, 0), "state": (0,)}, horizon=4)
    assert list(named.observation_steps) == ["image.top", "image.side", "state"]
    assert named.with_cameras(("wrist",)) == named


def test_the_order_of_cameras_outlives_json_that_sorts_its_names():
    window = Window({"image.wrist": (0,), "image.front": (-1, 0), "state": (0,)}, horizon=4)
    for text in (json.dumps(window.to_json()), json.dumps(window.to_json(), sort_keys=True)):
        assert Window.from_json(json.loads(text)) == window
    # As people type it, and as older policies have it: in the order of "observation_steps".
    assert Window.from_json({"observation_steps": {"image.wrist": [0], "state": [0]}, "horizon": 2}).cameras == (
        "wrist",
    )
    assert Window.from_json({"observation_steps": {"image.b": [0], "image.a": [0]}, "horizon": 2}).cameras == ("b", "a")


def test_a_window_with_targets_outlives_json_and_differs():
    window = Window({EVERY_CAMERA: (0,), "action": (-2, -1)}, 1, {EVERY_CAMERA: (2, 4), "state": (1,)}, outcomes=True)
    named = window.with_cameras(("top", "side"))
    assert named.target_cameras == ("top", "side")
    assert Window.from_json(json.loads(json.dumps(named.to_json()))) == named
    plain = Window(named.observation_steps, 1)
    assert set(plain.to_json()) == {"observation_steps", "cameras", "horizon"}  # those of policies that exist
    for other in (plain, replace(named, outcomes=False), replace(named, targets={"state": (1,)})):
        assert other != named
    side = replace(embodiment(), cameras=(Camera("side", 4, 4),))
    assert named.for_embodiment(side).targets == {"image.side": (2, 4), "state": (1,)}


@pytest.mark.parametrize(
    ("targets", "past", "line"),
    [
        ({"state": (0, 1)}, (-1,), r"targets of state at rising steps from 1, got \[0, 1\]"),
        ({"image.top": (2, 2)}, (-1,), "targets of image.top at rising steps"),
        ({"state": ()}, (-1,), "targets of state"),
        ({}, (-1, 0), r"past actions at steps up to -1, got \[-1, 0\]"),
    ],
)
def test_what_lies_on_the_wrong_side_of_the_present_is_refused(targets, past, line):
    with pytest.raises(PraxiaError, match=line):
        Window({"action": past}, 1, targets)


def embodiment(*dims: str) -> Embodiment:
    return Embodiment("arm", (), (Field("joints", 3, "position", "rad", dims=dims),), (), 10.0)


def test_an_embodiment_survives_json_which_omits_missing_names_of_dims():
    named = embodiment("a", "b", "c")
    again = Embodiment.from_json(json.loads(json.dumps(named.to_json())))
    assert again == named
    assert again.action[0].dims == ("a", "b", "c")
    assert set(embodiment().to_json()["action"][0]) == {"name", "size", "kind", "unit", "frame", "low", "high"}
    assert Embodiment.from_json(embodiment().to_json()).action[0].dims == ()


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ("abc", "abc", None),
        ("abc", "", None),
        ("", "", None),
        (
            "abc",
            "acb",
            DimNameDifference(
                "dim 1 of action is 'b' in the first and 'c' in the second, the same names in another order", True
            ),
        ),
        ("abc", "abd", DimNameDifference("dim 2 of action is 'c' in the first and 'd' in the second", False)),
    ],
)
def test_where_names_of_dims_part(mine, theirs, expected):
    assert embodiment(*mine) == embodiment(*theirs), "names alone do not make embodiments unequal"
    assert dim_name_difference(embodiment(*mine), embodiment(*theirs)) == expected


def test_an_order_is_one_of_names_that_are_all_there_and_once():
    assert dim_order("abc", "cab") == (2, 0, 1)
    assert dim_order("abc", "abd") is None
    assert dim_order("aab", "aba") is None
