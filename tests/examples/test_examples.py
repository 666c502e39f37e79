"""The package in `examples/reach`, installed as its user would, and the policies beside it, through the commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import praxia

EXAMPLES = Path(__file__).parents[2] / "examples"
SOURCE = Path(praxia.__file__).parents[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A working directory, with the installed package in `site`."""
    home = tmp_path_factory.mktemp("home")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", home / "site", EXAMPLES / "reach"], check=True)
    return home


def command(home, *arguments, module="praxia", cwd=None):
    """A finished `python -m MODULE ...` that sees this Praxia and the installed package."""
    paths = os.pathsep.join([str(home / "site"), str(SOURCE)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(words, cwd=cwd or home, env=environment, capture_output=True, text=True)


def run(home, *arguments, cwd=None):
    """What a command prints with --json."""
    done = command(home, *arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def evaluate(home, policy, out, *options):
    arguments = ("--benchmark", "reach", "--episodes", 4, "--workers", 1, "--out", out)
    return run(home, "eval", policy, *arguments, *options)


def test_what_the_package_registers_is_listed(home):
    assert run(home, "info", "--policies")["policies"]["reach-colour"] == "praxia_reach.policies:make_colour_policy"
    assert run(home, "info", "--benchmarks")["benchmarks"]["reach"]["tasks"] == ["reach-red", "reach-blue"]
    assert "flow-reach" in run(home, "recipes")["recipes"]
    assert "reach-csv" in command(home, "data", "import", "--help").stdout


def test_its_policy_is_checked_and_evaluated_with_controls(home):
    checks = {
        check["name"]: check for check in run(home, "preflight", "reach-colour", "--benchmark", "reach")["checks"]
    }
    # Recorded by the package's author, in a file beside the benchmark's module.
    assert checks["expert"]["detail"] == "the expert succeeds in 16 of 16 episodes; recorded: 100 of 100"
    assert checks["expert"]["ok"] is checks["zero"]["ok"] is checks["decisions"]["ok"] is True
    result = evaluate(home, "reach-colour", "colour.jsonl")
    assert result["success"] == 1
    assert result["fingerprint"]["claim"]["distribution"] == "praxia-reach 0.1.0"
    assert evaluate(home, "reach-colour", "image.jsonl", "--control", "swapped-image")["success"] <= 0.5
    assert evaluate(home, "reach-colour", "text.jsonl", "--control", "shuffled-instruction")["success"] == 0


@pytest.mark.slow
def test_what_its_expert_records_trains_its_recipe(home):
    run(home, "collect", "reach", "--tasks", "all", "--episodes", 2, "--size", 64, "--workers", 1, "--out", "data")
    run(home, "train", "flow-reach", "--data", "data", "--train.steps", 2, "--train.batch-size", 2, "--out", "run")
    options = ("--benchmark", "reach", "--episodes", 10, "--workers", 1, "--until-decided", "--out", "versus")
    verdict = run(home, "compare", "reach-colour", "run", *options)
    assert (verdict["verdict"], verdict["errors"]) == ("better", 0)


def test_its_format_is_imported(home):
    logs = home / "logs"
    logs.mkdir()
    for number, speed in ((0, 0.5), (1, -0.25), (10, 1.0)):
        rows = [f"{0.1 * speed * step},0,{speed},0" for step in range(4)]
        (logs / f"episode_{number}.csv").write_text("\n".join(["x,y,vx,vy", *rows]) + "\n")
    result = run(home, "data", "import", "reach-csv", logs, "--instruction", "move", "--out", "imported")
    assert (result["episodes"], result["frames"], result["numbers_equal"]) == (3, 12, True)
    assert result["assumed"]["fps"] == "10 Hz, that of Reach"
    data = praxia.open(home / "imported")
    assert [data.episode(index).action[0, 0] for index in range(3)] == [0.5, -0.25, 1.0]
    done = command(home, "data", "import", "reach-csw", logs, "--out", "other")
    assert done.returncode == 2
    assert "unknown format 'reach-csw'; nearest: reach-csv" in done.stderr


def test_its_records_are_written_beside_its_benchmark(home):
    recorded = home / "site" / "praxia_reach" / "recorded.json"
    own = SOURCE / "praxia" / "evaluation" / "preflight" / "recorded.json"
    before, praxias = recorded.read_text(), own.read_bytes()
    try:
        done = command(home, "reach", "--episodes", 2, "--images", module="praxia.evaluation.preflight.record")
        assert done.returncode == 0, done.stderr
        assert "reach: expert 4 of 4, zero solves nothing" in done.stderr
        rates = json.loads(recorded.read_text())["benchmarks"]["reach"]
        assert rates == {"episodes": 2, "expert": {"reach-red": 2, "reach-blue": 2}, "solved_by_zero": []}
    finally:
        recorded.write_text(before)
    assert own.read_bytes() == praxias
    done = command(home, "raech", module="praxia.evaluation.preflight.record")
    assert done.returncode == 2
    assert done.stderr.startswith("praxia: unknown benchmark 'raech'; nearest: reach")


def test_the_plain_function_passes_the_obstacle(home):
    arguments = ("--benchmark", "bimodal", "--episodes", 4, "--workers", 1, "--out", home / "function.jsonl")
    assert run(home, "eval", "function_policy:make", *arguments, cwd=EXAMPLES)["success"] == 1
    done = command(home, "preflight", "function_policy:make", "--benchmark", "reach", cwd=EXAMPLES)
    assert done.returncode == 2
    assert "function_policy:make raised AssertionError: this policy knows bimodal alone, not reach" in done.stderr
