"""`vla-eval` 0.8.0 runs Tabletop: start by start the successes and actions of `praxia eval` of the same policy.

In an environment with both packages the harness's own command asks `praxia serve --exact`, with
`praxia.integrations.vla_eval:PraxiaBenchmark` in its configuration: 50 starts of `tabletop/train`, ten of each task.
Without --policy a small one is trained first (minutes), which succeeds at some starts and fails at others.

    python tests/peers/vla_eval_tabletop.py [--policy RUN]      # or: make peer-vla-eval
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from lerobot_beside import REPOSITORY, install_lacking, resolve
from serving_environment import KEY, serving
from vla_eval_peer import PACKAGES

FOLDER = Path("build/vla-eval-beside")
BENCHMARK, EPISODES, EXECUTION_HORIZON = "tabletop/train", 10, 4
TIMEOUT_S = 3600.0


def beside(folder: Path) -> Path:
    """The folder with what the harness needs and this environment lacks, filled on first use.

    pip must resolve both packages in one environment.
    """
    if not (folder / "installed").exists():
        print(f"installing {PACKAGES[0]} beside praxia into {folder}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as name:
            venv.create(name, with_pip=True)
            pip = [str(Path(name) / "bin/python"), "-m", "pip"]
            subprocess.run([*pip, "install", "-q", "--upgrade", "pip"], check=True, stdout=sys.stderr)
            versions = resolve(pip, ".[tabletop,serve]", *PACKAGES)
            assert versions is not None, "praxia and vla-eval do not resolve in one environment"
            harness = set(resolve(pip, *PACKAGES) or ())
            wanted = {name: version for name, version in versions.items() if name in harness}
            other = install_lacking(Path(sys.executable), wanted, pip, folder)
        print(f"in another version than pip would choose: {other or 'none'}", file=sys.stderr)
        (folder / "installed").write_text(f"{PACKAGES[0]}\n")
    return folder


def run(*arguments: str | Path, module: str = "praxia", paths: tuple[Path, ...] = ()) -> None:
    """`python -m MODULE ...`, which imports from `paths`, too."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY / "src", *paths)))}
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, check=True, timeout=TIMEOUT_S, env=environment, stdout=sys.stderr)


def train(folder: Path) -> Path:
    """A policy that has learned three of the five tasks, not well."""
    tasks = ("--tasks", "touch,push,press", "--episodes", "200", "--workers", "2")
    run("collect", "tabletop-gantry", *tasks, "--out", folder / "data")
    budget = ("--train.steps", "700", "--train.batch-size", "32", "--train.shift-px", "0", "--device", "cpu")
    run("train", "flow-tabletop-heads", "--data", folder / "data", *budget, "--out", folder / "run")
    return folder / "run"


def rows_of_praxia(policy: Path, folder: Path) -> dict[str, Any]:
    """{start: (success, steps, actions_sha256)} of `praxia eval`."""
    out = folder / "rows.jsonl"
    options = ("--episodes", str(EPISODES), "--workers", "1", "--exact", "--device", "cpu")
    run("eval", policy, "--benchmark", BENCHMARK, *options, "--out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {row["start"]: (row["status"] == "success", row["steps"], row["actions_sha256"]) for row in rows}


def rows_of_harness(policy: Path, folder: Path, beside: Path) -> dict[str, Any]:
    """The same of `vla-eval run`."""
    entry = {
        "benchmark": "praxia.integrations.vla_eval:PraxiaBenchmark",
        "name": "tabletop",
        "episodes_per_task": EPISODES,
        "params": {"benchmark": BENCHMARK, "seed": 0},
    }
    with serving(str(policy), "--exact", "--device", "cpu", timeout_s=TIMEOUT_S) as port:
        url = f"ws://127.0.0.1:{port}/vla-eval?key={KEY.replace(' ', '%20')}&execution_horizon={EXECUTION_HORIZON}"
        # JSON is YAML.
        (folder / "tabletop.yaml").write_text(json.dumps({"server": {"url": url}, "benchmarks": [entry]}))
        options = ("--config", folder / "tabletop.yaml", "--output-dir", folder / "results")
        run("run", *options, module="vla_eval.cli.main", paths=(beside,))
    aggregate = json.loads((folder / "results/tabletop_aggregate.json").read_text())
    assert not aggregate.get("partial"), "the harness did not finish"
    assert aggregate["num_errors"] == 0, [task for task in aggregate["tasks"] if task.get("num_errors")]
    episodes = [episode for task in aggregate["tasks"] for episode in task["episodes"]]
    found = [(episode["metrics"], episode["steps"]) for episode in episodes]
    return {one["start"]: (one["success"], steps, one["actions_sha256"]) for one, steps in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path)
    parser.add_argument("--beside", type=Path, default=FOLDER)
    options = parser.parse_args()
    extra = beside(options.beside.absolute())
    with tempfile.TemporaryDirectory() as name:
        policy = options.policy or train(Path(name))
        ours, theirs = rows_of_praxia(policy, Path(name)), rows_of_harness(policy, Path(name), extra)
    successes = sum(success for success, _, _ in ours.values())
    verdict = {
        "starts": len(ours),
        "praxia": successes,
        "vla_eval": sum(success for success, _, _ in theirs.values()),
        "same_successes": {key: one[0] for key, one in ours.items()} == {key: one[0] for key, one in theirs.items()},
        "same_actions": ours == theirs,
        "is_a_test": 0 < successes < len(ours),
    }
    print(json.dumps(verdict))
    return 0 if verdict["same_actions"] and verdict["is_a_test"] and len(ours) == 5 * EPISODES else 1


if __name__ == "__main__":
    sys.exit(main())
