import json
import os
import subprocess
import sys

import pytest

from praxia.cli.main import VERBS, main
from praxia.core.types import ChunkExecution


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def test_help_lists_every_verb(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(f"praxia {verb}" in text for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(verb, capsys):
    assert run(verb, "--help") == 0
    assert "--json" in capsys.readouterr().out or verb == "train"


def test_an_unknown_verb_recipe_task_benchmark_or_study_is_one_line_with_the_nearest(capsys, tmp_path):
    out = str(tmp_path / "out")
    for arguments, nearest in [
        (("colect",), "collect"),
        (("train", "flow-metaword", "--data", "x", "--out", out), "flow-metaworld"),
        (("collect", "metaword", "--tasks", "all", "--out", out), "metaworld"),
        (("collect", "metaworld", "--tasks", "door-opn", "--out", out), "door-open"),
        (("eval", "zero", "--benchmark", "metaworld-mt10/fsat", "--out", out), "metaworld-mt10/fast"),
        (("eval", "zero", "--benchmark", "bimodal", "--tasks", "pas", "--out", out), "pass"),
        (("compare", "zero", "random", "--benchmark", "bimodal", "--tasks", "pas", "--out", out), "pass"),
        (("study", "demoo", "--out", out), "demo"),
    ]:
        assert run(*arguments) == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith("praxia: unknown")
        assert nearest in error
        assert "\n" not in error


def test_info_prints_the_reward_of_each_task(capsys):
    assert run("info", "--tasks", "pusht") == 0
    printed = capsys.readouterr().out
    assert "reward dense of push, 0 to 1 a step" in printed
    assert "reward dense of as-shown, -512 to 512 a step" in printed


def test_with_json_stdout_is_one_object_for_errors_too(capsys):
    assert run("info", "/nowhere", "--json") == 2
    captured = capsys.readouterr()
    assert "expected a data set" in json.loads(captured.out)["error"]
    assert run("recipes", "--json") == 0
    assert "flow-metaworld" in json.loads(capsys.readouterr().out)["recipes"]
    assert run("info", "--benchmarks", "--json") == 0
    assert {"metaworld-mt10/fast", "metaworld-mt50/fast"} <= set(json.loads(capsys.readouterr().out)["benchmarks"])
    assert run("info", "--tasks", "metaworld", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["tasks"]) == 50


@pytest.mark.parametrize(
    "arguments",
    [("eval", "--json"), ("info", "data", "--bogus", "--json"), ("train", "--json"), ("tokenizer", "--json")],
    ids=" ".join,
)
def test_with_json_stdout_is_one_object_where_options_are_wrong_too(arguments, capsys):
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert set(json.loads(captured.out)) == {"error"}
    assert captured.err.strip()


def test_the_listing_of_benchmarks_has_their_definitions(capsys):
    assert run("info", "--benchmarks") == 0
    blocks = {block.split()[0]: block for block in capsys.readouterr().out.split("\n\n")}
    evo1 = blocks["metaworld-mt50/evo1"]
    for fixed in (
        "50 of metaworld-evo1",
        "400",
        "15 actions",
        "448 px",
        "profile default",
        "very hard 5",
        "privileged",
    ):
        assert fixed in evo1
    assert "privileged" not in blocks["metaworld-mt50/lerobot"]
    assert max(len(line) for block in blocks.values() for line in block.splitlines()) <= 120


def test_pairs_list_which_encoders_fit_which_heads(capsys):
    assert run("recipes", "--pairs", "--json") == 0
    pairs = json.loads(capsys.readouterr().out)["pairs"]
    lacking = {(pair["encoder"], pair["head"]) for pair in pairs if pair["missing"]}
    assert ("film-cnn", "flow (action-expert)") in lacking
    assert ("vision-language", "flow (action-expert)") not in lacking
    assert run("recipes", "--pairs") == 0
    assert "flow (action-expert)" in capsys.readouterr().out


def test_recipes_begin_with_those_to_start_with(capsys):
    assert run("recipes") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Start here: any LeRobot data with cameras")
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["act", "2.3M"],
        ["diffusion-policy-unet", "7.7M"],
        ["flow", "2.2M"],
    ]
    assert max(map(len, lines)) <= 110
    assert run("recipes", "--json") == 0
    found = json.loads(capsys.readouterr().out)["recipes"]
    assert [name for name, one in found.items() if one["start_here"]] == ["act", "diffusion-policy-unet", "flow"]
    assert found["pi0-published"]["parameters"] == 3_238_100_000
    assert "the weights of PaliGemma-3B" in found["pi0-published"]["needs"]
    assert found["flow-mt50"]["benchmark"] == "metaworld"
    assert found["act"]["summary"].startswith("ACT: ")


def test_the_help_of_train_says_what_recipes_share(capsys):
    assert run("train", "--help") == 0
    text = capsys.readouterr().out
    assert "praxia train act --data my/dataset --hold-out 0.1 --out runs/mine" in text
    for option in ("--data DIR", "--cameras NAME", "--device cpu|cuda", "--image-size ", "--train.steps "):
        assert option in text
    assert "--model.head.width" not in text
    assert "{None}" not in text


def test_a_study_refuses_what_it_does_not_take(capsys, tmp_path):
    assert run("study", "demo", "--out", str(tmp_path), "--arena", "bimodal") == 2
    assert "study 'demo' takes no --arena" in capsys.readouterr().err
    assert run("study", "heads", "--seeds", "0", "--out", str(tmp_path / "heads")) == 2
    assert "--seeds of at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("passed", "missed"),
    [(True, None), (False, "its bar"), ({"one": True}, None), ({"one": True, "two": False, "six": False}, "two, six")],
)
def test_a_bar_that_a_study_misses_is_said_and_its_rows_are_printed(capsys, tmp_path, monkeypatch, passed, missed):
    def toy(out, *, seed, workers, scale, report):
        found = {"summary": {}, "report": "page.html", "passed": passed, "expected": "all", "got": "some"}
        return {**found, "rows": [{"success": 0.5}]}

    monkeypatch.setattr("praxia.cli.study.lookup", lambda *_, **__: toy)
    assert run("study", "toy", "--out", str(tmp_path), "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rows"] == [{"success": 0.5}]
    line = f"missed {missed}: expected all, got some"
    assert (line in err) == (missed is not None)
    assert missed or "missed" not in err


def test_the_installed_command_runs():
    done = subprocess.run([sys.executable, "-m", "praxia", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"


def test_without_graphics_one_line_names_what_to_install(tmp_path):
    command = [sys.executable, "-m", "praxia", "collect", "metaworld", "--tasks", "reach", "--out", str(tmp_path / "x")]
    environment = {**os.environ, "MUJOCO_GL": "nonsense"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "apt-get install libegl1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("collect", "metaworld", "--tasks", "reach", "--episodes", "0"), "--episodes of at least 1, got 0"),
        (("collect", "metaworld", "--tasks", "reach", "--workers", "0"), "--workers of at least 1, got 0"),
        (("collect", "metaworld", "--tasks", "reach,reach-v3"), "reach more than once"),
        (("eval", "zero", "--benchmark", "metaworld-demo/fast", "--workers", "0"), "--workers of at least 1, got 0"),
        (("eval", "zero", "--benchmark", "metaworld-demo/fast", "--episodes", "0"), "--episodes of at least 1, got 0"),
        (("train", "flow-metaworld", "--data", "x", "--train.steps", "0"), "--train.steps of at least 1, got 0"),
        (("train", "flow", "--data", "x", "--device", "gpu"), "--device to be cpu, cuda, cuda:N or mps, got 'gpu'"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_one_line(arguments, message, capsys, tmp_path):
    assert run(*arguments, "--out", str(tmp_path / "out.jsonl")) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_several_data_sets_have_commas_between_them(monkeypatch, tmp_path):
    from praxia.training import engine

    given = []
    monkeypatch.setattr(engine, "train", lambda run, data, out, **more: given.append(data) or {"steps": 0})
    for text in ("one", "one,two/three"):
        assert run("train", "flow-metaworld", "--data", text, "--out", str(tmp_path / "run")) == 0
    assert [[entry.data for entry in mix.entries] for mix in given] == [["one"], ["one", "two/three"]]


def test_cameras_are_chosen_and_ordered_for_recipes_without_any_of_their_own(monkeypatch, capsys, tmp_path):
    from praxia.training import engine

    given = []
    monkeypatch.setattr(engine, "train", lambda run, data, out, **more: given.append(run) or {"steps": 0})
    rest = ("--data", "one", "--out", str(tmp_path / "run"))
    assert run("train", "flow", *rest) == 0
    assert run("train", "flow", *rest, "--cameras", "top,side", "--image-size", "224") == 0
    assert given[0].window.sees_every_camera
    assert given[1].window.cameras == ("top", "side")
    assert [one.image_size for one in given] == [128, 224]
    for recipe, cameras, said in (
        ("flow-metaworld", "top", "flow-metaworld has cameras of its own (workspace)"),
        ("flow", "top,top", "expected --cameras NAME[,NAME...], each name once"),
        ("flow", "top,", "expected --cameras NAME[,NAME...], each name once"),
    ):
        assert run("train", recipe, *rest, "--cameras", cameras) == 2
        assert said in capsys.readouterr().err
    assert len(given) == 2


def test_the_rate_of_ensembling_reaches_the_evaluation(monkeypatch, tmp_path):
    from praxia.cli import eval as verb
    from praxia.evaluation import runner

    class Judged(Exception):
        pass

    def record_call(policy, evaluation, out, family, **more):
        raise Judged(evaluation.execution)

    monkeypatch.setattr(runner, "evaluate", record_call)
    asked = ["zero", "--benchmark", "bimodal", "--out", str(tmp_path / "out.jsonl")]
    for words, execution in (
        ([], ChunkExecution(8)),
        (["--ensemble", "0.01"], ChunkExecution(1, 0.01)),
        (["--ensemble", "-2"], ChunkExecution(1, -2.0)),
    ):
        with pytest.raises(Judged) as found:
            verb.run([*asked, *words])
        assert found.value.args == (execution,)


def test_as_needs_a_trained_policy(capsys, tmp_path):
    out = str(tmp_path / "out.jsonl")
    assert run("eval", "zero", "--benchmark", "tabletop/embodiment", "--as", "tabletop-gantry", "--out", out) == 2
    assert "--as expects the folder of a trained policy, got 'zero'" in capsys.readouterr().err
