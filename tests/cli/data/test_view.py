import json

import pytest
import synthetic

from praxia.cli.main import main
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Six episodes of four steps."""
    root = tmp_path_factory.mktemp("recorded") / "some demos"
    begin_recording(root, {"seed": 0})
    for index in range(6):
        stage_episode(root, index, synthetic.episode(index, 4))
    finalize(root, synthetic.EMBODIMENT, {"seed": 0})
    return root


@pytest.fixture
def view(capsys, tmp_path, monkeypatch):
    """Run the verb in an empty folder; returns exit code and JSON."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["data", "view", *map(str, arguments), "--json"])
        return stopped.value.code, json.loads(capsys.readouterr().out)

    return run


def test_the_page_is_named_as_the_data_set_and_holds_the_first_five(view, recorded, tmp_path):
    exit_code, found = view(recorded)
    page = tmp_path / "some demos.html"
    assert (exit_code, found) == (
        0,
        {
            "page": "some demos.html",
            "bytes": page.stat().st_size,
            "episodes": [0, 1, 2, 3, 4],
            "episodes_in_all": 6,
            "frames": 20,
            "cameras": ["front", "wrist"],
            "rerun": None,
        },
    )
    assert "praxia data view '" in page.read_text().replace("&#x27;", "'")


def test_chosen_episodes_and_cameras_as_a_page_and_a_rerun_recording(view, recorded, tmp_path):
    options = ("--episodes", "5,0-1", "--cameras", "wrist", "--out", "new/page.html", "--rerun", "new/demos.rrd")
    exit_code, found = view(recorded, *options)
    assert (exit_code, found["episodes"], found["frames"], found["cameras"]) == (0, [5, 0, 1], 12, ["wrist"])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["demos.rrd", "page.html"]
    assert found["rerun"] == "new/demos.rrd"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--episodes", "6"), "there is no episode 6: the data set has episodes 0 to 5"),
        (("--episodes", "some"), "expected episode numbers like 3,7-9"),
        (("--cameras", "frnt"), "unknown camera 'frnt'; nearest: front"),
    ],
)
def test_unknown_names_are_one_line(view, recorded, tmp_path, options, error):
    exit_code, found = view(recorded, *options)
    assert exit_code == 2
    assert error in found["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [["data", "info"], ["info"]])
def test_info_shows_progress_and_prints_one_object(recorded, capsys, verb):
    with pytest.raises(SystemExit) as stopped:
        main([*verb, str(recorded), "--json"])
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (stopped.value.code, found["episodes"], found["verified"]) == (0, 6, True)
    assert "files hashed" in captured.err


def test_a_folder_without_a_data_set(view, tmp_path):
    exit_code, found = view(tmp_path / "nothing")
    assert exit_code == 2
    assert "expected a data set" in found["error"]
