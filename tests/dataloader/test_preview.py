import json
from pathlib import Path

import numpy as np
import pytest

from praxia.cli.data.mix import run
from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.data.frames import CameraFrames
from praxia.dataloader.mixture_config import read_mixture


@pytest.fixture
def path(fast, slow, tmp_path):
    value = {
        "rate_hz": 20,
        "sizes": {"front": [32, 48]},
        "parts": [
            {"data": str(fast), "weight": 3},
            {
                "data": str(slow),
                "weight": 1,
                "cameras": {"front": "top", "wrist": None},
                "fields": {"action": {"move": "ee_delta"}},
            },
        ],
    }
    (tmp_path / "mix.json").write_text(json.dumps(value))
    return str(tmp_path / "mix.json")


def test_the_preview_describes_a_batch_without_reading_images(path, monkeypatch):
    monkeypatch.setattr(CameraFrames, "decode", None)
    found = run([path, "--steps", "50", "--batch-size", "128", "--json"])
    json.dumps(found)
    fast, slow = found["parts"]
    assert (fast["share"], slow["share"]) == (0.75, 0.25)
    assert fast["epochs"] == 50 * 128 * 0.75 / fast["windows"]
    assert fast["resampled"]["frames_a_step"] == "5/2"
    assert fast["resampled"]["actions"]["move"] == "summed"
    assert fast["resampled"]["actions"]["close"] == "in force at the end of the step"
    assert slow["resampled"] is None
    assert fast["cameras"]["front"] == {"from": "front", "size": [64, 64], "read_as": [32, 48]}
    assert slow["cameras"] == {"front": {"from": "top", "size": [48, 80], "read_as": [32, 48]}, "wrist": None}
    assert slow["action"][0] == {"name": "move", "from": "ee_delta", "kind": "delta", "dims": [0, 2]}
    assert slow["action"][1]["dims"] == [2, 3]
    assert found["batch"]["shapes"]["image.front"] == [128, 1, 32, 48, 3]
    pixels = 128 * 3 * (32 * 48 + 48 * 80)
    assert found["batch"]["bytes"] == pixels + 128 * 4 * (4 + 16 * 8)
    assert found["batch"]["valid"]["image.wrist"] == [fast["rows_of_first_batch"], 128]


def test_the_rows_that_it_names_are_those_of_training(path):
    window = Window({"image.front": (-1, 0), "state": (0,)}, 2)
    found = run([path, "--window", json.dumps(window.to_json()), "--images", "--batch-size", "16"])
    mixture = read_mixture(Path(path)).open(window)
    indices = mixture.batch(0, 0, 16)
    named = [(row["data"], row["episode"], row["frame"]) for row in found["first_rows"]]
    assert named == mixture.frames_of(indices[:5])
    samples = mixture.read(indices)
    assert [row["instruction"] for row in found["first_rows"]] == list(samples.instruction[:5])
    assert found["batch"]["shapes"]["image.front"] == list(samples.images["front"].shape)
    assert found["batch"]["mean_level"]["front"] == samples.images["front"].mean()
    assert found["batch"]["valid"]["action"] == [int(samples.action_valid.sum()), 32]
    counts = np.bincount(mixture.entry_of(indices), minlength=2)
    assert [part["rows_of_first_batch"] for part in found["parts"]] == counts.tolist()


def test_a_recipe_gives_window_and_steps(fast):
    found = run([str(fast), "--recipe", "flow-metaworld-blind", "--steps", "7"])
    assert (found["steps"], list(found["parts"][0]["cameras"])) == (7, [])


def test_a_window_that_is_none(path):
    with pytest.raises(PraxiaError, match="expected --window"):
        run([path, "--window", '{"moments": 3}'])
