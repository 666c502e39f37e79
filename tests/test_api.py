"""`import praxia` as a user of its documentation: every snippet of docs/PYTHON.md runs, and wrong input is one line."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic
from praxia_testing import make_config, make_config_of_two, make_policy

import praxia
from praxia.checkpoint.store import save_policy
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.results.meta import read_meta
from praxia.results.rows import read_rows

PAGE = Path(__file__).parents[1] / "docs" / "PYTHON.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a training run, with its policy."""
    root = tmp_path_factory.mktemp("run")
    save_policy(root / "policy", make_config(), make_policy().model.state_dict())
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    begin_recording(root, {})
    for index in range(3):
        stage_episode(root, index, synthetic.episode(index))
    finalize(root, synthetic.EMBODIMENT, {})
    return root


def test_the_snippets_of_the_page_run(run, data, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 8
    names = {"RUN": run, "DATA": data}
    for block in blocks[:3]:
        exec(block, names)
    assert "expected a state of 3 numbers, got float64 [1]" in capsys.readouterr().out
    assert names["frames"].shape[0] == 2
    # This policy was trained on another robot, so its window is replaced by one of the data set's.
    names["policy"] = type("Policy", (), {"window": Window({"state": (-1, 0), "image.front": (0,)}, 4)})
    exec(blocks[3], names)
    assert names["samples"].state.shape[:2] == (4, 2)


def test_the_snippets_of_training_and_evaluation_run(data, tmp_path, capsys):
    """The page has sizes that make sense for a user; here they are as small as they can be."""
    training, evaluation = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[4:6]
    names = {"praxia": praxia, "DATA": data, "OUT": tmp_path / "run"}
    names |= {"ROWS": tmp_path / "offline.jsonl", "BENCHMARK_ROWS": tmp_path / "rows.jsonl"}
    for shown, small in (("steps=2000, batch_size=32", "steps=2, batch_size=4"), ("hold_out=0.1", "hold_out=0.5")):
        assert shown in training
        training = training.replace(shown, small)
    exec(training, names)
    loaded = praxia.load(tmp_path / "run")
    assert loaded.policy_sha256 == names["result"]["policy_sha256"]
    assert loaded.window.cameras == ("front",)
    exec(evaluation, names)
    assert names["offline"]["episodes"] == 2
    assert names["offline"]["fingerprint"]["policy_sha256"] == loaded.policy_sha256
    assert names["summary"]["episodes"] == len(read_rows(tmp_path / "rows.jsonl")) == 2
    assert "warning" not in capsys.readouterr().out


def test_what_is_recorded_is_the_command_that_does_the_same(tmp_path):
    rows = tmp_path / "rows.jsonl"
    praxia.evaluate("random", "bimodal", rows, episodes=1, workers=1, control="frozen-state", exact=True, seed=3)
    expected = "praxia eval random --benchmark bimodal --episodes 1 --control frozen-state --exact --seed 3 --out"
    assert read_meta(rows)["command"] == f"{expected} {rows}"


def test_a_recipe_trains_by_its_name_and_goes_on(data, tmp_path):
    run = praxia.recipe("flow")
    assert run == praxia.recipe("flow")
    small = replace(run, image_size=16, train=replace(run.train, steps=1, batch_size=2))
    praxia.train(small, [data], tmp_path / "run")
    with pytest.raises(PraxiaError, match="--resume"):
        praxia.train(small, [data], tmp_path / "run")
    longer = replace(small, train=replace(small.train, steps=2))
    result = praxia.train(longer, data, tmp_path / "run", resume=True)
    assert (result["resumed_from"], result["steps"]) == (1, 2)
    with pytest.raises(UnknownName, match="unknown recipe 'akt'; nearest: act"):
        praxia.train("akt", data, tmp_path / "other")
    with pytest.raises(PraxiaError, match="takes no --cameras"):
        praxia.train("flow-tabletop", data, tmp_path / "other", cameras=["front"])


def test_the_snippets_with_own_policies_run(tmp_path):
    names = {"np": np, "praxia": praxia, "OWN_ROWS": tmp_path / "own.jsonl", "SMOOTH_ROWS": tmp_path / "smooth.jsonl"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[6:]:
        exec(block, names)
        assert names["summary"]["faults"] == 0
        assert names["summary"]["fingerprint"]["policy_sha256"].startswith("claimed:")
    metas = [read_meta(tmp_path / f"{name}.jsonl") for name in ("own", "smooth")]
    assert [meta["fingerprint"]["claim"]["factory"].partition(":")[2] for meta in metas] == ["make", "make_smooth"]
    assert metas[0]["command"].startswith("praxia eval ")


def test_a_loaded_policy_acts_as_it_does_in_the_loop(run):
    policy = praxia.load(run)
    assert re.fullmatch("[0-9a-f]{64}", policy.policy_sha256)
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    state = np.array([0.1, -0.2, 0.3], np.float32)
    action = policy.session(key="k").act({"images": {"front": image}, "state": state, "instruction": "lift the cup"})
    query = Query((Observation({"front": image}, state, "lift the cup", 0.0),), "k/0", 0, 0)
    np.testing.assert_array_equal(action, policy.policy.act([query], None)[0][0].chunk[0])


def test_an_episode_is_what_was_recorded(data):
    opened = praxia.open(data)
    assert len(opened) == 3
    recorded, read = synthetic.episode(1), opened.episode(1)
    np.testing.assert_array_equal(read.state, recorded.state)
    np.testing.assert_array_equal(read.action, recorded.action)
    assert read.instruction == recorded.instruction
    assert read.images("front", [2]).shape == recorded.images["front"][2:3].shape
    with pytest.raises(UnknownName, match="'frnt'; nearest: front"):
        read.images("frnt")
    with pytest.raises(IndexError, match="expected an episode from 0 to 2, got 3"):
        opened.episode(3)


def test_what_is_not_there_is_one_line(run, tmp_path):
    with pytest.raises(PraxiaError, match=r"expected a policy at .*, got no policy.json"):
        praxia.load(tmp_path)
    with pytest.raises(UnknownName, match="unknown embodiment of this policy 'arm'"):
        praxia.load(run, embodiment="arm")
    with pytest.raises(PraxiaError, match="--temperature"):
        praxia.load(run, temperature=1.0)
    with pytest.raises(MismatchError, match="expected a GPU for a CUDA graph, got the device 'cpu'"):
        praxia.load(run, device="cpu", compile="cuda-graph")
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        praxia.lod  # noqa: B018


def test_several_embodiments_need_a_name(tmp_path):
    config = make_config_of_two()
    save_policy(tmp_path / "policy", config, make_policy(config).model.state_dict())
    with pytest.raises(MismatchError, match="bind it to one of them"):
        praxia.load(tmp_path)
    assert praxia.load(tmp_path, embodiment="small").embodiment.name == "small"


def test_the_import_alone_brings_no_torch():
    code = "import sys, praxia; assert 'torch' not in sys.modules; assert praxia.__version__"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_its_types_are_for_users_too():
    assert (Path(praxia.__file__).parent / "py.typed").is_file()
