import json

from praxia.core.types import Field, Window, placed


def test_every_field_is_placed_after_the_one_before():
    fields = [Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", ""), Field("joints", 2, "position", "rad")]
    vector = ["x", "y", "z", "g", "j0", "j1"]
    assert [(part.name, vector[dims]) for part, dims in placed(fields)] == [
        ("hand", ["x", "y", "z"]),
        ("grip", ["g"]),
        ("joints", ["j0", "j1"]),
    ]
    assert placed([]) == []


def test_another_order_of_cameras_is_another_window():
    window = Window({"image.front": (-1, 0), "image.wrist": (0,), "state": (0,)}, horizon=4)
    turned = Window({"image.wrist": (0,), "image.front": (-1, 0), "state": (0,)}, horizon=4)
    assert window.moments == turned.moments
    assert window != turned
    # The state has a place of its own in every network.
    assert window == Window({"state": (0,), "image.front": (-1, 0), "image.wrist": (0,)}, horizon=4)
    assert window != Window(window.moments, horizon=5)
    assert window != "a window"


def test_the_order_of_cameras_outlives_json_that_sorts_its_names():
    window = Window({"image.wrist": (0,), "image.front": (-1, 0), "state": (0,)}, horizon=4)
    for text in (json.dumps(window.to_json()), json.dumps(window.to_json(), sort_keys=True)):
        assert Window.from_json(json.loads(text)) == window
    # As people type it, and as older policies have it: in the order of the moments.
    assert Window.from_json({"moments": {"image.wrist": [0], "state": [0]}, "horizon": 2}).cameras == ("wrist",)
    assert Window.from_json({"moments": {"image.b": [0], "image.a": [0]}, "horizon": 2}).cameras == ("b", "a")
