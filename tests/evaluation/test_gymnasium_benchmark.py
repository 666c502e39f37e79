"""An environment of gymnasium, evaluated and collected from its file like ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from praxia.cli.main import main
from praxia.core.embodiment import Embodiment
from praxia.data.dataset import Dataset
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate

PENDULUM = {
    "type": "gymnasium",
    "id": "Pendulum-v1",
    "name": "pendulum",
    "instruction": "swing the pendulum up and hold it there",
    "rate_hz": 20,
    "horizon": 200,
    "action": {"kind": "torque", "unit": "N m"},
    "success": {"reward": -0.01},
}


def swings_up(embodiment: Embodiment):
    """Brings the pendulum to the energy of standing upright, and holds it there."""

    def act(observation: Mapping[str, Any]) -> np.ndarray:
        cos, sin, speed = observation["state"]
        missing = 15 - speed**2 / 2 - 15 * cos  # of energy, by the pendulum's moment of inertia
        is_up = cos > 0.9 and abs(speed) < 4
        torque = -10 * np.arctan2(sin, cos) - 3 * speed if is_up else 2 * np.sign(missing * speed or 1.0)
        return np.array([np.clip(torque, -2, 2)], np.float32)

    return act


def declared(folder: Path) -> Path:
    path = folder / "pendulum.json"
    path.write_text(json.dumps(PENDULUM))
    return path


def test_policies_are_evaluated(tmp_path: Path):
    benchmark = find_benchmark(str(declared(tmp_path)))
    assert benchmark.name == "gymnasium/pendulum"
    rates = {}
    for name, policy in (("swings", swings_up), ("zero", "zero")):
        entry = find_policy(policy, benchmark, exact=True)
        out = tmp_path / f"{name}.jsonl"
        rates[name] = evaluate(entry.policy, entry.evaluation(4), out, entry.family)
    assert rates["swings"]["success"] == 1
    assert rates["zero"]["success"] < 1
    assert rates["zero"]["errors"] == 0
    assert rates["zero"]["fingerprint"]["declaration"]["id"] == "Pendulum-v1"
    delayed = find_benchmark(f"{tmp_path / 'pendulum.json'}/delay-2")
    assert (delayed.name, delayed.execution.delay) == ("gymnasium/pendulum/delay-2", 2)


def test_episodes_are_collected(tmp_path: Path):
    path, out = declared(tmp_path), tmp_path / "data"
    command = f"collect {path} --tasks all --episodes 2 --policy random --workers 1 --out {out}"
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 0
    dataset = Dataset(out)
    assert (dataset.num_episodes, dataset.cameras) == (2, ())
    assert dataset.column("action").shape == (dataset.num_frames, 1)
    assert np.abs(dataset.column("action")).max() <= 2
    assert dataset.column("next.reward").max() <= 0
    assert not dataset.column("intervention").any()
