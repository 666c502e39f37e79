import json
import shutil

import numpy as np
import pytest
from praxia_testing import save_image

from praxia.core.errors import DataError
from praxia.dataloader.vqa import read_vqa


def turns(*texts):
    return [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "pictures").mkdir()
    save_image(tmp_path / "pictures" / "red.png", (255, 0, 0))
    save_image(tmp_path / "pictures" / "blue.png", (0, 0, 255), size=(40, 20))
    entries = [
        {"image": "pictures/red.png", "conversations": turns("<image>\nWhich colour?", "red", "Sure?", "yes")},
        {"conversations": turns("Say nothing", "no")},
        {"image": "pictures/blue.png", "conversations": turns("Which colour?\n<image>", "blue")},
    ]
    (tmp_path / "asked.json").write_text(json.dumps(entries))
    (tmp_path / "asked.jsonl").write_text("\n\n".join(map(json.dumps, entries)))
    return tmp_path / "asked.json"


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_every_turn_about_an_image_is_a_question(path, suffix):
    vqa = read_vqa(path.with_suffix(suffix))
    told = [(one.image.name, one.text, one.answer) for one in vqa.items]
    expected = [("red.png", "Which colour?", "red"), ("red.png", "Sure?", "yes"), ("blue.png", "Which colour?", "blue")]
    assert told == expected
    assert vqa.num_without_image == 1


def test_images_are_known_by_what_they_show_and_not_by_where_they_lie(path, tmp_path):
    known = read_vqa(path).to_json()["images_sha256"]
    moved = shutil.copytree(tmp_path, tmp_path / "moved")
    assert read_vqa(moved / "asked.json").images_sha256() == known
    red = tmp_path / "pictures" / "red.png"
    content = bytearray(red.read_bytes())
    content[-20] ^= 1  # another image of as many bytes
    red.write_bytes(content)
    assert read_vqa(path).images_sha256() != known


def test_images_are_squares_with_black_edges(path):
    images = read_vqa(path).images(np.array([0, 2, 1]), 16)
    assert images.shape == (3, 1, 16, 16, 3)
    red, blue = images[0, 0], images[1, 0]
    assert (red[:4] == 0).all()
    assert (red[-4:] == 0).all()
    assert (red[4:-4] == [255, 0, 0]).all()
    assert (blue[:, :4] == 0).all()
    assert (blue[:, 4:-4] == [0, 0, 255]).all()
    assert (images[2] == images[0]).all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[{", "is not JSON"),
        ('[{"image": "a.png"}]', "in entry 0, got .*conversations"),
        ('[{"image": "a.png", "conversations": [{"from": "human", "value": "?"}]}]', "entry 0, got .*1 turns"),
        (json.dumps([{"image": "a.png", "conversations": turns("a", "b")[::-1]}]), "turns of gpt and human"),
        (
            '[{"image": "a.png", "conversations": [{"from": "human", "value": 1}, {"from": "gpt", "value": "b"}]}]',
            "entry 0",
        ),
        (json.dumps([{"image": "a.png", "conversations": turns("a", " ")}]), "an empty answer"),
        ('[{"conversations": []}]', "has no question about an image; 1 conversations without one"),
    ],
)
def test_files_of_another_form(tmp_path, content, told):
    (tmp_path / "asked.json").write_text(content)
    with pytest.raises(DataError, match=told):
        read_vqa(tmp_path / "asked.json")


def test_files_that_are_missing(path):
    with pytest.raises(DataError, match=r"expected questions at .*, got nothing"):
        read_vqa(path.parent / "none.json")
    vqa = read_vqa(path)
    (path.parent / "pictures" / "red.png").write_bytes(b"no image")
    (path.parent / "pictures" / "blue.png").unlink()
    for row in (0, 2):
        with pytest.raises(DataError, match=r"expected an image at .*png, got none that can be decoded"):
            vqa.images(np.array([row]), 16)
    with pytest.raises(DataError, match=r"asked\.json: 1 of 3 questions have no image, .*blue\.png among them"):
        read_vqa(path)
