import json

import pytest
import synthetic

from praxia.cli.data.edit import OPERATIONS, run
from praxia.cli.main import main
from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Four short episodes of the synthetic robot."""
    root = tmp_path_factory.mktemp("small") / "set"
    begin_recording(root, {})
    for index in range(4):
        stage_episode(root, index, synthetic.episode(index, 4))
    finalize(root, synthetic.EMBODIMENT, {})
    return root


@pytest.fixture
def run_edit(capsys):
    """The JSON of a command, and its exit code."""

    def do(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["data", "edit", *map(str, arguments), "--json"])
        return json.loads(capsys.readouterr().out), ended.value.code

    return do


def test_edits_in_sequence(tmp_path, small, run_edit):
    done, exit_code = run_edit("delete", small, "--episodes", "1", "--out", tmp_path / "a")
    assert (exit_code, done["removed"], done["episodes"]) == (0, [1], 3)
    assert done["content_sha256"] == Dataset(tmp_path / "a").content_sha256
    done, _ = run_edit("split", tmp_path / "a", "--fractions", "0.7,0.3", "--out", f"{tmp_path}/b,{tmp_path}/c")
    assert [part["episodes"] for part in done["parts"]] == [2, 1]
    done, _ = run_edit("merge", tmp_path / "b", tmp_path / "c", "--out", tmp_path / "d")
    assert done["episodes"] == 3
    text = Dataset(small).instructions[0]
    done, _ = run_edit(
        "rename", tmp_path / "d", "--feature", "front=top", "--instruction", f"{text}=go", "--out", tmp_path / "e"
    )
    assert Dataset(tmp_path / "e").cameras == ("top", "wrist")
    assert "go" in Dataset(tmp_path / "e").instructions
    done, _ = run_edit(
        "trim", tmp_path / "e", "--threshold", "0.5", "--frames", "0", "--dry-run", "--out", tmp_path / "f"
    )
    assert (done["dry_run"], (tmp_path / "f").exists()) == (True, False)


def test_bad_input_is_one_line(tmp_path, small, run_edit):
    answer, exit_code = run_edit("delete", small, "--episodes", "4", "--out", tmp_path / "a")
    assert (exit_code, answer["error"]) == (2, "there is no episode 4: the data set has episodes 0 to 3")
    with pytest.raises(UnknownName, match="unknown operation of edit 'remove'"):
        run(["remove"])
    with pytest.raises(PraxiaError, match="expected --feature old=new, got 'front'"):
        run(["rename", str(small), "--feature", "front", "--out", str(tmp_path / "a")])
    with pytest.raises(PraxiaError, match=r"expected --fractions like 0.9,0.1, got half"):
        run(["split", str(small), "--fractions", "half", "--out", str(tmp_path / "a")])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_help(operation, capsys):
    with pytest.raises(SystemExit):
        run([operation, "--help"])
    out = capsys.readouterr().out
    assert "--out" in out
    assert "--dry-run" in out
