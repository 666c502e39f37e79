import json

import pytest
import synthetic

from praxia.action_tokenizers import ACTION_TOKENIZERS, action_tokenizer_from_json
from praxia.cli.main import main
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A data set of the synthetic robot: three action dims, six of nine episodes successful."""
    root = tmp_path_factory.mktemp("tokenizers") / "set"
    begin_recording(root, {})
    for index in range(9):
        stage_episode(root, index, synthetic.episode(index))
    finalize(root, synthetic.EMBODIMENT, {})
    return root


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--json"])
    return stopped.value.code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("tag", sorted(ACTION_TOKENIZERS))
def test_a_fitted_tokenizer_is_a_file_that_can_be_read_again(tag, recorded, tmp_path, capsys):
    out = tmp_path / "new" / "tokenizer.json"
    exit_code, result = run(capsys, "tokenizer", "fit", recorded, "--out", out, "--tokenizer", tag, "--horizon", 5)
    tokenizer = action_tokenizer_from_json(json.loads(out.read_text()))
    assert exit_code == 0
    assert (
        (tokenizer.tag, tokenizer.horizon, tokenizer.action_dim)
        == (tag, 5, 3)
        == (result["tokenizer"], result["horizon"], 3)
    )
    assert result["vocab_size"] == tokenizer.vocab_size


def test_the_report_has_a_row_per_tokenizer_on_held_out_episodes(recorded, capsys):
    exit_code, result = run(capsys, "tokenizer", "report", recorded, "--horizon", 5)
    assert exit_code == 0
    assert result["tokenizers"].keys() == ACTION_TOKENIZERS.keys()
    assert result["held_out_chunks"] == 5  # episode 0
    assert result["fitted_chunks"] > 40
    for row in result["tokenizers"].values():
        assert row["fields"]["move"]["unit"] == "m"
        assert row["mse"] > 0


def test_bad_input_is_one_line(recorded, tmp_path, capsys):
    out = tmp_path / "tokenizer.json"
    for arguments, message in [
        (("fit", recorded, "--out", out, "--tokenizer", "fats"), "unknown action tokenizer 'fats'; nearest: fast"),
        (("fit", recorded, "--out", out, "--horizon", 0), "--horizon of at least 1, got 0"),
        (("fit", tmp_path, "--out", out), "expected a data set"),
        (("report", tmp_path), "expected a data set"),
    ]:
        exit_code, result = run(capsys, "tokenizer", *arguments)
        assert exit_code == 2
        assert message in result["error"]
        assert "\n" not in result["error"]
    assert not out.exists()
