import json
import re

import pytest
import torch
from offline_testing import make_episode, record
from praxia_testing import EMBODIMENT, make_config
from results_testing import made_rows, write_results

from praxia.checkpoint.store import save_policy
from praxia.cli.main import main
from praxia.core.keys import generator

SENTENCE = "no substitute for success rates"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, two policies, and their offline evaluations a.jsonl and b.jsonl."""
    folder = tmp_path_factory.mktemp("offline")
    episodes = []
    for number in range(3):
        rng = generator("cli", number)
        episodes.append(make_episode(EMBODIMENT, number, rng.uniform(-1, 1, (6, 3)), rng.uniform(0, 10, (6, 2))))
    record(folder / "data", episodes)
    config = make_config()
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        weights = {
            key: value + 0.1 * torch.randn(value.shape) if value.is_floating_point() else value
            for key, value in config.model.build(config.shapes).state_dict().items()
        }
        save_policy(folder / name, config, weights)
        assert run("eval", folder / name, "--data", folder / "data", "--out", folder / f"{name}.jsonl") == 0
    return folder


def test_eval_prints_a_table_the_sentence_and_one_object(folder, capsys, tmp_path):
    arguments = ("eval", folder / "a", "--data", folder / "data", "--episodes", "0,2", "--stride", "2")
    assert run(*arguments, "--out", tmp_path / "x.jsonl", "--json") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["episodes"], result["frames"], result["fingerprint"]["stride"]) == (2, 6, 2)
    assert result["fingerprint"]["episodes"] == [0, 2]
    assert SENTENCE in result["note"]
    assert SENTENCE in captured.err
    assert "move[0]" in captured.err
    assert "step 4 of the chunk" in captured.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--seed", "1"), "--data needs no simulator and so has no --seed"),
        (("--benchmark", "bimodal"), "--data needs no simulator and so has no --benchmark"),
        (("--tasks", "pass"), "--data needs no simulator and so has no --tasks"),
        (("--episodes", "val"), "unknown split of"),
        (("--episodes", "0-9"), "there is no episode 9: the data set has episodes 0 to 2"),
        (("--stride", "0"), "--stride of at least 1, got 0"),
        (("--as", "other"), "unknown embodiment of this policy 'other'; nearest: toy"),
        (("--temperature", "1"), "expected a policy with --temperature"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(folder, tmp_path, capsys, options, expected):
    arguments = ("eval", folder / "a", "--data", folder / "data", "--out", tmp_path / "x.jsonl")
    assert run(*arguments, *options, "--json") == 2
    assert expected in json.loads(capsys.readouterr().out)["error"]
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "expected --benchmark NAME .* or --data SET .*, got neither"),
        (("--benchmark", "bimodal", "--stride", "2"), "--stride chooses frames of recorded episodes"),
        (("--benchmark", "bimodal", "--episodes", "0-3"), "number of episodes per task, got '0-3'"),
    ],
)
def test_without_data_the_options_are_those_of_a_benchmark(tmp_path, capsys, options, expected):
    assert run("eval", "zero", *options, "--out", tmp_path / "x.jsonl") == 2
    assert re.search(expected, capsys.readouterr().err)


def test_compare_pairs_two_files_by_episode(folder, capsys):
    assert run("compare", folder / "a.jsonl", folder / "b.jsonl", "--json") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["episodes"] == 3
    assert result["mae"]["lower"] in ("a", "b", "undecided")
    assert "mean absolute error" in captured.err
    assert SENTENCE in captured.err


def test_compare_refuses_what_cannot_be_paired(folder, tmp_path, capsys):
    success = write_results(tmp_path / "success.jsonl", made_rows({"walk": "1"}))
    assert run("compare", folder / "a.jsonl", success) == 2
    assert "expected two offline evaluations" in capsys.readouterr().err
    assert run("compare", folder / "a.jsonl", folder / "b.jsonl", "--until-decided") == 2
    assert "leave out --until-decided" in capsys.readouterr().err
    other = tmp_path / "part.jsonl"
    assert run("eval", folder / "b", "--data", folder / "data", "--episodes", "0-1", "--out", other) == 0
    capsys.readouterr()
    assert run("compare", folder / "a.jsonl", other) == 2
    assert "not of the same recorded actions (episodes is [0, 1, 2], but [0, 1])" in capsys.readouterr().err


def test_info_prints_the_summary(folder, capsys):
    assert run("info", folder / "a.jsonl", "--json") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["kind"], result["episodes"]) == ("offline", 3)
    assert result["baseline_fields"] == {"move": "hold"}
    assert SENTENCE in captured.err


def test_a_leaderboard_does_not_count_offline_files(folder, tmp_path, capsys):
    write_results(folder / "success.jsonl", made_rows({"walk": "10"}))
    assert run("leaderboard", folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "success.jsonl" in json.dumps(found)
    assert "a.jsonl" not in json.dumps(found)
    (folder / "success.jsonl").unlink()
    (folder / "success.jsonl.meta.json").unlink()


def test_the_report_has_a_section_per_evaluation(folder, tmp_path):
    page = tmp_path / "page.html"
    assert run("report", folder / "a.jsonl", folder / "b.jsonl", "--out", page) == 0
    html = page.read_text()
    assert html.count(SENTENCE) == 3
    assert html.index("a against b") < html.index("mean absolute error") < html.index("a offline on")
    assert html.count(">predicted<") + html.count("predicted from") > 0
    assert html.count("<figure") == 4  # two dims of each
    assert "step 4 of the chunk" in html
    assert "a offline on" in html
