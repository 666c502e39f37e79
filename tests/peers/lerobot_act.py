"""Does our ACT, in its published form, learn as well as the `lerobot` package's?

    python tests/peers/lerobot_act.py [--venv build/lerobot-venv] [--steps 600] [--size 64] [--seeds 3] [--json]

Both are trained on the same 40 demonstrations of a drawn arm with three cameras (`reaching_arm.py`), recorded with our
writer: the same steps, batch, learning rate, sizes and image size, dropout as published, no pretrained weights, one
thread. Theirs by the package's own data set class, normalisation and training step, ours by the engine. Then both
predict chunks at every frame of 10 other episodes, and one function measures the error: the mean absolute difference to
the recorded joint positions over valid steps, in rad. `hold` is the error of staying where the arm is.

A command, not a test of the suite: on first use it installs a stock `lerobot` (8 GB with its CUDA torch; it runs on a
CPU) into its own environment. Prints one JSON object: the mean errors of the seeds, `ratio` (ours / peer) and a row per
seed. Exit code 0 if the ratio is at most 1.1 and both have the same number of parameters.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot_environment import FOLDER, peer, run_inside
from reaching_arm import record

from praxia.checkpoint.store import load_policy
from praxia.core.window import Samples
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.nn.queries import to_batch
from praxia.policies.encoder_head import EncoderHeadPolicy
from praxia.recipes.known_published import act_published
from praxia.training import engine
from praxia.training.config import TrainRun

EPISODES, TEST_EPISODES, HORIZON = range(40), range(1000, 1010), 20
WIDTH, MLP_WIDTH, NUM_HEADS, DEPTH = 128, 512, 4, 2
BATCH_SIZE, LEARNING_RATE = 8, 2e-4
MARGIN = 1.1


def theirs(data: Path, test: Path, steps: int, seed: int) -> dict[str, Any]:
    """The request to the package's environment."""
    options = {
        "dim_model": WIDTH,
        "dim_feedforward": MLP_WIDTH,
        "n_heads": NUM_HEADS,
        "n_encoder_layers": DEPTH,
        "n_vae_encoder_layers": DEPTH,
        "chunk_size": HORIZON,
        "n_action_steps": HORIZON,
        "pretrained_backbone_weights": None,
    }
    return {
        "data": str(data),
        "test": str(test),
        "kind": "act",
        "options": options,
        "steps": steps,
        "warm_up": 0,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
        "seeds": [seed],
        "workers": 0,
        "in_memory": True,
    }


def ours(steps: int, seed: int) -> TrainRun:
    """The published recipe at the same size."""
    run = act_published()
    head = replace(run.model.head, width=WIDTH, mlp_width=MLP_WIDTH, num_heads=NUM_HEADS, encoder_depth=DEPTH)
    model = replace(run.model, encoder=replace(run.model.encoder, detr_width=WIDTH), head=head)
    train = replace(
        run.train, steps=steps, seed=seed, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, checkpoint_s=1e9
    )
    return replace(run, model=model, train=train, window=replace(run.window, horizon=HORIZON))


def predict(policy: EncoderHeadPolicy, samples: Samples) -> np.ndarray:
    """Chunks in units, [N, H, A]."""
    batch, num = to_batch(policy.transforms.encode(samples), policy.transforms), len(samples.state)
    with torch.inference_mode():
        chunks = policy.model.sample(batch, torch.zeros(num, *policy.model.head.noise_shape))
    return policy.transforms.decode(chunks.numpy(), 0)


def error_rad(chunks: np.ndarray, samples: Samples) -> float:
    """The mean absolute difference to the recorded actions over valid steps."""
    assert samples.action is not None
    return float(np.abs(chunks - samples.action)[samples.action_valid].mean(dtype=np.float64))


def train_ours(folder: Path, data: Path, steps: int, seed: int) -> EncoderHeadPolicy:
    """A policy of the recipe, trained by the engine."""

    def report(step: int, metrics: dict[str, float | int]) -> None:
        print(f"praxia: step {step}, loss {metrics['loss']:.4f}, l1 {metrics['l1']:.4f}", file=sys.stderr)

    out = folder / f"ours-{seed}"
    engine.train(ours(steps, seed), [data], out, recipe="act-published", command="", report=report)
    return load_policy(out)[0]


def recorded_windows(root: Path, policy: EncoderHeadPolicy) -> Samples:
    """The windows of every frame of a data set."""
    dataset = Dataset(root)
    windows = Windows(dataset, policy.window, range(dataset.num_episodes))
    return windows.read(np.arange(len(windows)))


def compare(python: Path, folder: Path, steps: int, size: int, seeds: list[int]) -> dict[str, Any]:
    """Train both for each seed, and measure both."""
    data, test = folder / "train", folder / "test"
    record(data, EPISODES, size)
    record(test, TEST_EPISODES, size)
    rows = []
    for seed in seeds:
        response = run_inside(python, "lerobot_trains.py", folder, theirs(data, test, steps, seed))
        policy = train_ours(folder, data, steps, seed)
        samples, found = recorded_windows(test, policy), np.load(folder / f"{seed}.npz")
        assert np.array_equal(found["action"], samples.action), "both read the same frames in the same order"
        rows.append(
            {
                "seed": seed,
                "ours": error_rad(predict(policy, samples), samples),
                "peer": error_rad(found["chunk"], samples),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr)
    mine, peers = (float(np.mean([row[name] for row in rows])) for name in ("ours", "peer"))
    parameters = {"ours": sum(one.numel() for one in policy.model.parameters()), "peer": response["parameters"]}
    return {
        "ours": mine,
        "peer": peers,
        "ratio": mine / peers,
        "hold": error_rad(np.broadcast_to(samples.state, samples.action.shape), samples),
        "steps": steps,
        "image_px": size,
        "parameters": parameters,
        **response["versions"],
        "rows": rows,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    parser.add_argument("--steps", type=int, default=600, help="optimiser steps of each training")
    parser.add_argument("--size", type=int, default=64, help="side of an image in pixels")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each")
    parser.add_argument("--json", action="store_true", help="print the verdict on one line")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = compare(peer(options.venv), Path(name), options.steps, options.size, list(range(options.seeds)))
    print(json.dumps(found, indent=None if options.json else 1))
    return 0 if found["ratio"] <= MARGIN and found["parameters"]["ours"] == found["parameters"]["peer"] else 1


if __name__ == "__main__":
    sys.exit(main())
