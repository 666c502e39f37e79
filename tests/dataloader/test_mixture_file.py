import json
from dataclasses import replace

import pytest

from praxia.core.embodiment import Field
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig, find_mixture, read_mixture
from praxia.dataloader.view import DatasetView

EVERY_KEY = {
    "rate_hz": 15,
    "sizes": {"front": [224, 160]},
    "parts": [
        {"data": "one", "weight": 2, "tasks": ["push"], "episodes": [3, 1]},
        {
            "data": "/far/two",
            "weight": 0.5,
            "body": "arm",
            "cameras": {"front": "top", "wrist": None},
            "actions": False,
            "fields": {
                "state": {"hand": "ee_pos"},
                "action": [{"name": "move", "size": 3, "kind": "delta", "unit": "m", "high": 1}],
            },
        },
        {"data": "s3://bucket/three", "weight": 1},
    ],
}


@pytest.fixture
def write(tmp_path):
    def do(value):
        path = tmp_path / "mix.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return do


def test_every_key_of_a_mixture_file(write, tmp_path):
    view = DatasetView(
        "arm", {"front": "top", "wrist": None}, {"hand": "ee_pos"}, (Field("move", 3, "delta", "m", high=1.0),)
    )
    view = replace(view, actions=False)
    parts = (
        DatasetEntry(str(tmp_path / "one"), weight=2.0, tasks=("push",), episodes=(3, 1)),
        DatasetEntry("/far/two", view, weight=0.5),
        DatasetEntry("s3://bucket/three", weight=1.0),
    )
    mix = read_mixture(write(EVERY_KEY))
    assert mix == MixtureConfig(parts, rate_hz=15.0, sizes={"front": (224, 160)})
    said = json.loads(json.dumps(mix.to_json()))
    assert said["parts"][1]["cameras"] == {"front": "top", "wrist": None}
    assert said["parts"][1]["fields"]["action"][0]["name"] == "move"
    assert said["parts"][1]["actions"] is False
    assert said["parts"][0] == {"weight": 2.0, "tasks": ["push"], "episodes": [3, 1]}


def test_folders_without_a_mixture_file_have_no_options(write, tmp_path):
    assert find_mixture("a,b") == MixtureConfig.of(["a", "b"])
    assert find_mixture("a,b").to_json() is None
    plain = find_mixture(str(write({"parts": [{"data": "one"}]})))
    assert plain == MixtureConfig.of([tmp_path / "one"])


def with_part(**more):
    return {"parts": [{"data": "one", **more}]}


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ({**EVERY_KEY, "temprature": 2}, UnknownName, r"key \(.*mix.json\) 'temprature'; nearest: temperature"),
        (with_part(wieght=1), UnknownName, r"key \(.*parts\[0\]\) 'wieght'; nearest: weight"),
        (with_part(fields={"actions": {}}), UnknownName, r"'actions'; nearest: action"),
        (with_part(fields={"action": [{"name": "a", "size": 1, "kind": "detla"}]}), UnknownName, "nearest: delta"),
        (
            with_part(fields={"action": [{"name": "a", "size": 0, "kind": "delta"}]}),
            DataError,
            r"action\[0\]: expected",
        ),
        (with_part(fields={"state": {"hand": 3}}), DataError, r"state.hand: expected the data set's name .* got 3"),
        (with_part(weight=0), DataError, r"parts\[0\].weight: expected a number above 0, got 0"),
        (with_part(weight=True), DataError, "got true"),
        (with_part(tasks="push"), DataError, r"tasks: expected a list, \[...\], got \"push\""),
        (with_part(episodes=[1.5]), DataError, "a list of whole numbers"),
        (with_part(cameras={"front": 1}), DataError, "cameras.front: expected the data set's name"),
        ({"parts": [{"weight": 1}]}, DataError, r"parts\[0\].data: expected a data set's folder, got null"),
        ({"parts": []}, DataError, "at least one data set"),
        ({}, DataError, r"parts: expected a list"),
        ([], DataError, r"expected an object, \{...\}"),
        ({**with_part(), "temperature": 0.5}, DataError, "temperature: expected a number of at least 1, got 0.5"),
        ({**with_part(), "sizes": {"front": [224]}}, DataError, r"sizes.front: expected \[height, width\]"),
        ({**with_part(weight=1), "temperature": 2}, PraxiaError, "weights or a temperature"),
        ("{", DataError, "is not JSON"),
    ],
)
def test_an_invalid_mixture_file_is_refused_with_the_position(write, value, kind, said):
    with pytest.raises(kind, match=said):
        read_mixture(write(value))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="expected a mixture file"):
        find_mixture(str(tmp_path / "none.json"))


def test_a_folder_with_a_comma_or_called_json_is_one_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("a,b", "c", "set.json"):
        (tmp_path / name).mkdir()
    assert find_mixture("a,b") == MixtureConfig.of(["a,b"])
    assert find_mixture("c,a,b") == MixtureConfig.of(["c", "a,b"])
    assert find_mixture("set.json") == MixtureConfig.of(["set.json"])
    assert find_mixture("c,~/d") == MixtureConfig.of(["c", str(tmp_path / "home/d")])
    for text in ("c,", ",", "c,,d", ""):
        with pytest.raises(PraxiaError, match="commas between"):
            find_mixture(text)


def test_a_file_may_name_a_folder_from_home(write, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read_mixture(write({"parts": [{"data": "~/set"}]})).entries[0].data == "/home/somebody/set"


def test_a_key_that_is_there_twice_is_refused(write):
    with pytest.raises(DataError, match="'front' once"):
        read_mixture(write('{"parts": [{"data": "a", "cameras": {"front": "top", "front": "left"}}]}'))
