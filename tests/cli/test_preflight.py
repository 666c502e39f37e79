import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from praxia_testing import make_config, make_policy

from praxia.checkpoint.identity import policy_sha256
from praxia.checkpoint.store import PolicyConfig, save_policy
from praxia.cli.main import main
from praxia.core.window import Window
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser

CHECKS = ["names-and-units", "golden-frame", "recorded-frames", "gripper", "replay", "zero", "expert", "statistics"]


def fly(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["preflight", *arguments])
    return stopped.value.code


def policy_for(benchmark: str, state: Normaliser, action: Normaliser) -> PolicyConfig:
    """A blind policy for the benchmark's embodiment that names no data."""
    found = find_benchmark(benchmark)
    embodiment = find_family(found.env).embodiment(found.spec(found.tasks[0]))
    config = make_config()
    return replace(
        config,
        embodiments=(embodiment,),
        transforms=Transforms((EmbodimentTransforms(state, action),), config.transforms.tokenizer),
        window=Window({"state": (0,)}, horizon=8),
        provenance={},
    )


def save(folder: Path, config: PolicyConfig) -> str:
    save_policy(folder / "policy", config, make_policy().model.state_dict())
    return str(folder)


BIMODAL = Normaliser((-0.6, 0.0, -0.1, 0.5, -0.1, 1.45), (0.6, 1.5, 0.1, 0.55, 0.1, 1.55))
SPEED = Normaliser((-0.7, -0.5), (0.7, 0.8))


def test_what_fits_ends_with_zero_and_one_json_object(tmp_path, capsys):
    assert fly(save(tmp_path, policy_for("bimodal", BIMODAL, SPEED)), "--benchmark", "bimodal", "--json") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["ok"] is True
    assert result["policy_sha256"] == json.loads((tmp_path / "policy" / "policy.json").read_text())["policy_sha256"]
    assert result["seconds"] > 0
    assert [check["name"] for check in result["checks"]] == CHECKS
    assert {"name": "replay", "ok": None}.items() <= result["checks"][4].items()
    assert "skipped   replay" in captured.err
    assert "the checkpoint names none); name it with --data DIR" in captured.err


def test_what_does_not_fit_ends_with_two_one_line_and_every_check(tmp_path, capsys):
    slow = Normaliser((-70.0, -50.0), (70.0, 80.0))
    assert fly(save(tmp_path, policy_for("bimodal", BIMODAL, slow)), "--benchmark", "bimodal", "--json") == 2
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["ok"] is False
    assert [check["name"] for check in result["checks"]] == CHECKS
    assert captured.err.splitlines()[-1] == f"praxia: {result['error']}"
    assert result["error"].startswith("statistics: action 'robot' was within [-70, 80] in training, far outside")
    assert "FAILED    statistics" in captured.err


def test_statistics_that_are_no_numbers_are_refused(tmp_path, capsys):
    folder = save(tmp_path, policy_for("bimodal", BIMODAL, SPEED))
    path = tmp_path / "policy" / "policy.json"
    value = json.loads(path.read_text())
    value["transforms"]["embodiments"][0]["state"]["low"][2] = np.nan
    path.write_text(json.dumps({**value, "policy_sha256": policy_sha256(value)}))
    assert fly(folder, "--benchmark", "bimodal") == 2
    assert "finite quantiles" in capsys.readouterr().err


def test_data_that_is_none_is_refused(tmp_path, capsys):
    folder = save(tmp_path, policy_for("bimodal", BIMODAL, SPEED))
    assert fly(folder, "--benchmark", "bimodal", "--data", str(tmp_path)) == 2
    assert "expected a data set in" in capsys.readouterr().err


@pytest.mark.gl
@pytest.mark.slow
def test_on_meta_world_expert_and_statistics_are_checked_too(tmp_path, capsys):
    """Trained on hand commands in millimetres: at most 1 cm per step, and statistics up to 10."""
    state = Normaliser((-0.3, 0.4, 0.04, 0.1), (0.3, 0.8, 0.3, 1.0))
    metres = Normaliser((-10.0, -10.0, -10.0, -1.0), (10.0, 10.0, 10.0, 1.0))
    folder = save(tmp_path, policy_for("metaworld-demo/fast", state, metres))
    assert fly(folder, "--benchmark", "metaworld-demo/fast", "--json") == 2
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["expert"]["ok"] is checks["zero"]["ok"] is True
    assert "action 'hand' was within [-10, 10] in training" in checks["statistics"]["detail"]
