from praxia.core.types import Field, placed


def test_every_field_is_placed_after_the_one_before():
    fields = [Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", ""), Field("joints", 2, "position", "rad")]
    vector = ["x", "y", "z", "g", "j0", "j1"]
    assert [(part.name, vector[dims]) for part, dims in placed(fields)] == [
        ("hand", ["x", "y", "z"]),
        ("grip", ["g"]),
        ("joints", ["j0", "j1"]),
    ]
    assert placed([]) == []
