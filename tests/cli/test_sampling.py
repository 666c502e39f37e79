"""What a policy is known by, from its folder to its results, through the commands."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from praxia_testing import make_config

from praxia.checkpoint.store import load_weights, read_config, save_policy
from praxia.cli.main import main
from praxia.core.types import Sampling
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.results.meta import read_meta
from praxia.results.rows import read_rows
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy of the bimodal world that moves otherwise with another number of steps."""
    found = find_benchmark("bimodal")
    embodiment = find_family(found.env).embodiment(found.spec(found.tasks[0]))
    units = [Normaliser((-1.0,) * dims, (1.0,) * dims) for dims in (embodiment.state_dim, embodiment.action_dim)]
    config = make_config()
    shapes = Shapes((), 0, 1, ((embodiment.state_dim, embodiment.action_dim),), 8, config.shapes.vocab_size)
    model = EncoderHead(StateOnly(text=NoText(), width=16), Flow(ResidualMLP(width=16, depth=1)))
    torch.manual_seed(0)
    # A fresh head gives 0 at every step.
    weights = {name: value + 0.05 for name, value in model.build(shapes).state_dict().items()}
    config = replace(
        config,
        model=model,
        shapes=shapes,
        transforms=Transforms((EmbodimentTransforms(*units),), config.transforms.tokenizer),
        embodiments=(embodiment,),
        window=Window({"state": (0,)}, horizon=8),
    )
    save_policy(tmp_path / "run" / "policy", config, weights)
    return tmp_path / "run"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


ONE = ["--benchmark", "bimodal", "--episodes", 1, "--workers", 1, "--exact"]


def run_eval(policy: object, out: Path, *more: object) -> int:
    return run("eval", policy, *ONE, "--out", out, *more)


def edit(policy: Path, steps: int) -> None:
    path = policy / "policy" / "policy.json"
    value = json.loads(path.read_text())
    value["model"]["head"]["num_steps"] = steps
    path.write_text(json.dumps(value))


def test_rows_record_the_sampling_and_are_resumed_with_no_other(policy, tmp_path, capsys):
    own, few = tmp_path / "own.jsonl", tmp_path / "few.jsonl"
    assert run_eval(policy, own, "--steps", 10) == 0
    assert run_eval(policy, few, "--steps", 2) == 0
    for out, sampling in ((own, Sampling()), (few, Sampling(steps=2))):
        _, identity = read_config(policy, sampling)
        about = read_meta(out)["fingerprint"]
        assert {row.policy_sha256 for row in read_rows(out)} == {identity.policy_sha256} == {about["policy_sha256"]}
        assert about["weights_sha256"] == identity.weights_sha256
        assert about["sampling"] == (sampling.to_json() or None)
    assert [row.actions_sha256 for row in read_rows(own)] != [row.actions_sha256 for row in read_rows(few)]
    # Its own number is no other policy; another number is.
    assert run_eval(policy, own, "--resume") == 0
    capsys.readouterr()
    assert run_eval(policy, few, "--resume") == 2
    assert "few.jsonl was begun differently" in (message := capsys.readouterr().err)
    assert "sampling was {'steps': 2}, is None" in message


def test_a_guided_policy_is_another(policy, tmp_path):
    guided = tmp_path / "guided.jsonl"
    assert run_eval(policy, guided, "--guidance", "identity") == 0
    assert read_meta(guided)["fingerprint"]["sampling"] == {"guidance": "identity"}
    assert {row.policy_sha256 for row in read_rows(guided)} != {read_config(policy)[1].policy_sha256}
    assert run_eval(policy, guided, "--resume") == 2


def test_an_edited_policy_does_not_resume_a_file(policy, tmp_path, capsys):
    out = tmp_path / "a.jsonl"
    assert run_eval(policy, out) == 0
    before = out.read_bytes()
    edit(policy, 3)
    capsys.readouterr()
    assert run_eval(policy, out, "--resume") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert out.read_bytes() == before
    edit(policy, 10)
    assert run_eval(policy, out, "--resume") == 0


def test_a_copied_policy_resumes_the_file_of_the_original(policy, tmp_path):
    out = tmp_path / "a.jsonl"
    assert run_eval(policy, out) == 0
    shutil.move(policy, tmp_path / "renamed")
    assert run_eval(tmp_path / "renamed", out, "--resume") == 0


def test_a_comparison_samples_both(policy, tmp_path, capsys):
    """Of which one has that number of steps by itself."""
    config, identity = read_config(policy)
    two = replace(config, model=config.model.sampled(Sampling(steps=2)))
    other = {name: value + 0.1 for name, value in load_weights(policy, identity).items()}
    save_policy(tmp_path / "two" / "policy", two, other)
    assert run("compare", policy, tmp_path / "two", *ONE, "--steps", 2, "--out", tmp_path / "both") == 0
    known = {path.stem: read_meta(path)["fingerprint"] for path in (tmp_path / "both").glob("*.jsonl")}
    assert {name: about["sampling"] for name, about in known.items()} == {"run": {"steps": 2}, "two": None}
    assert known["two"]["policy_sha256"] == read_config(tmp_path / "two")[1].policy_sha256


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", 0.5], "expected a policy with --temperature, got head 'flow', which has --steps"),
        (["--steps", 0], "expected --steps of at least 1, got 0"),
        (["--temperature", -1], "expected --temperature of 0 or more, and finite, got -1"),
        (["--temperature", "inf"], "expected --temperature of 0 or more, and finite, got inf"),
    ],
)
def test_an_option_that_means_nothing_is_refused_in_one_line(policy, tmp_path, capsys, options, message):
    assert run_eval(policy, tmp_path / "a.jsonl", *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "a.jsonl").exists()


def test_results_files_are_not_sampled_again(tmp_path, capsys):
    assert run("compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--steps", 2) == 2
    assert "leave out --steps" in capsys.readouterr().err


def test_info_shows_what_a_policy_is_known_by(policy, capsys):
    assert run("info", policy, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("policy_sha256", "weights_sha256")} == read_config(policy)[1].to_json()
    assert found["sampling"] == {"steps": 10}
