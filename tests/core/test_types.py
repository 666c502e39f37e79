import json

import pytest

from praxia.core.dims import Difference, difference, order_of
from praxia.core.types import Embodiment, Field, placed


def test_every_field_is_placed_after_the_one_before():
    fields = [Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", ""), Field("joints", 2, "position", "rad")]
    vector = ["x", "y", "z", "g", "j0", "j1"]
    assert [(part.name, vector[dims]) for part, dims in placed(fields)] == [
        ("hand", ["x", "y", "z"]),
        ("grip", ["g"]),
        ("joints", ["j0", "j1"]),
    ]
    assert placed([]) == []


def body(*dims: str) -> Embodiment:
    return Embodiment("arm", (), (Field("joints", 3, "position", "rad", dims=dims),), (), 10.0)


def test_an_embodiment_survives_json_and_says_nothing_of_dims_without_names():
    named = body("a", "b", "c")
    again = Embodiment.from_json(json.loads(json.dumps(named.to_json())))
    assert again == named
    assert again.action[0].dims == ("a", "b", "c")
    assert set(body().to_json()["action"][0]) == {"name", "size", "kind", "unit", "frame", "low", "high"}
    assert Embodiment.from_json(body().to_json()).action[0].dims == ()


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ("abc", "abc", None),
        ("abc", "", None),
        ("", "", None),
        (
            "abc",
            "acb",
            Difference(
                "dim 1 of action is 'b' in the first and 'c' in the second, the same names in another order", True
            ),
        ),
        ("abc", "abd", Difference("dim 2 of action is 'c' in the first and 'd' in the second", False)),
    ],
)
def test_where_names_of_dims_part(mine, theirs, expected):
    assert body(*mine) == body(*theirs), "names alone do not make bodies unequal"
    assert difference(body(*mine), body(*theirs)) == expected


def test_an_order_is_one_of_names_that_are_all_there_and_once():
    assert order_of("abc", "cab") == (2, 0, 1)
    assert order_of("abc", "abd") is None
    assert order_of("aab", "aba") is None
