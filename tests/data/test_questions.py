import json
import shutil

import numpy as np
import pytest
from praxia_testing import save_picture

from praxia.core.errors import DataError
from praxia.data.questions import read_questions


def turns(*texts):
    return [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "pictures").mkdir()
    save_picture(tmp_path / "pictures" / "red.png", (255, 0, 0))
    save_picture(tmp_path / "pictures" / "blue.png", (0, 0, 255), size=(40, 20))
    entries = [
        {"image": "pictures/red.png", "conversations": turns("<image>\nWhich colour?", "red", "Sure?", "yes")},
        {"conversations": turns("Say nothing", "no")},
        {"image": "pictures/blue.png", "conversations": turns("Which colour?\n<image>", "blue")},
    ]
    (tmp_path / "asked.json").write_text(json.dumps(entries))
    (tmp_path / "asked.jsonl").write_text("\n\n".join(map(json.dumps, entries)))
    return tmp_path / "asked.json"


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_every_turn_about_a_picture_is_a_question(path, suffix):
    questions = read_questions(path.with_suffix(suffix))
    told = [(one.picture.name, one.text, one.answer) for one in questions.items]
    expected = [("red.png", "Which colour?", "red"), ("red.png", "Sure?", "yes"), ("blue.png", "Which colour?", "blue")]
    assert told == expected
    assert questions.num_without_picture == 1


def test_pictures_are_known_by_what_they_show_and_not_by_where_they_lie(path, tmp_path):
    known = read_questions(path).to_json()["pictures_sha256"]
    moved = shutil.copytree(tmp_path, tmp_path / "moved")
    assert read_questions(moved / "asked.json").pictures_sha256() == known
    red = tmp_path / "pictures" / "red.png"
    content = bytearray(red.read_bytes())
    content[-20] ^= 1  # another picture of as many bytes
    red.write_bytes(content)
    assert read_questions(path).pictures_sha256() != known


def test_pictures_are_squares_with_black_edges(path):
    pictures = read_questions(path).pictures(np.array([0, 2, 1]), 16)
    assert pictures.shape == (3, 1, 16, 16, 3)
    red, blue = pictures[0, 0], pictures[1, 0]
    assert (red[:4] == 0).all()
    assert (red[-4:] == 0).all()
    assert (red[4:-4] == [255, 0, 0]).all()
    assert (blue[:, :4] == 0).all()
    assert (blue[:, 4:-4] == [0, 0, 255]).all()
    assert (pictures[2] == pictures[0]).all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[{", "is no JSON"),
        ('[{"image": "a.png"}]', "in entry 0, got .*conversations"),
        ('[{"image": "a.png", "conversations": [{"from": "human", "value": "?"}]}]', "entry 0, got .*1 turns"),
        (json.dumps([{"image": "a.png", "conversations": turns("a", "b")[::-1]}]), "turns of gpt and human"),
        (
            '[{"image": "a.png", "conversations": [{"from": "human", "value": 1}, {"from": "gpt", "value": "b"}]}]',
            "entry 0",
        ),
        (json.dumps([{"image": "a.png", "conversations": turns("a", " ")}]), "an empty answer"),
        ('[{"conversations": []}]', "has no question about a picture; 1 conversations without one"),
    ],
)
def test_files_of_another_form(tmp_path, content, told):
    (tmp_path / "asked.json").write_text(content)
    with pytest.raises(DataError, match=told):
        read_questions(tmp_path / "asked.json")


def test_files_that_are_missing(path):
    with pytest.raises(DataError, match=r"expected questions at .*, got nothing"):
        read_questions(path.parent / "none.json")
    questions = read_questions(path)
    (path.parent / "pictures" / "red.png").write_bytes(b"no picture")
    (path.parent / "pictures" / "blue.png").unlink()
    for row in (0, 2):
        with pytest.raises(DataError, match=r"expected a picture at .*png, got none that can be decoded"):
            questions.pictures(np.array([row]), 16)
    with pytest.raises(DataError, match=r"asked\.json: 1 of 3 questions have no picture, .*blue\.png among them"):
        read_questions(path)
