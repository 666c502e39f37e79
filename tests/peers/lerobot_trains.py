"""Runs inside the `lerobot` package's own environment: trains its policies with its own training step.

Argument: a folder with `request.json`: {"data", "test", "kind", "options", "steps", "batch_size", "learning_rate",
"seeds", "workers", "in_memory", "warm_up"}. Writes `response.json`: the policy's parameters, and per seed its losses
and the samples per second of all steps but the first "warm_up". With "test", another data set, also `SEED.npz`: the
chunks that the trained policy predicts at each of its frames, in units, beside the recorded ones with their padding.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from accelerate import Accelerator
from lerobot.configs.types import FeatureType
from lerobot.datasets.factory import IMAGENET_STATS, resolve_delta_timestamps
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata
from lerobot.datasets.utils import cycle, dataset_to_policy_features
from lerobot.policies.factory import make_pre_post_processors
from lerobot.scripts.lerobot_train import update_policy
from lerobot_inside import video_backend
from lerobot_policies_inside import KINDS

GRAD_CLIP_NORM = 10.0


class InMemory(torch.utils.data.Dataset):
    """The items of a data set, read once."""

    def __init__(self, dataset):
        self.items = [dataset[index] for index in range(len(dataset))]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def make_policy(kind, meta, options, learning_rate):
    policy, config = KINDS[kind]
    features = dataset_to_policy_features(meta.features)
    outputs = {name: one for name, one in features.items() if one.type is FeatureType.ACTION}
    inputs = {name: one for name, one in features.items() if one.type in (FeatureType.STATE, FeatureType.VISUAL)}
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    if kind == "act":
        options["optimizer_lr_backbone"] = learning_rate
    return policy(
        config(input_features=inputs, output_features=outputs, device="cpu", optimizer_lr=learning_rate, **options)
    )


def open_dataset(root, config):
    """The data set with the windows of a policy, and ImageNet's statistics for images, as in its training script."""
    meta = LeRobotDatasetMetadata("local/set", root=root)
    dataset = LeRobotDataset(
        "local/set",
        root=root,
        delta_timestamps=resolve_delta_timestamps(config, meta),
        video_backend=video_backend(),
    )
    for camera in dataset.meta.camera_keys:
        dataset.meta.stats[camera] |= {name: torch.tensor(value) for name, value in IMAGENET_STATS.items()}
    return dataset


def train(policy, preprocess, items, request):
    """Train as the package's script does; losses of every step, and samples per second."""
    accelerator = Accelerator(cpu=True, step_scheduler_with_optimizer=False)
    loader = torch.utils.data.DataLoader(
        items, batch_size=request["batch_size"], shuffle=True, num_workers=request["workers"]
    )
    preset = policy.config.get_optimizer_preset()
    optimizer = preset.build(policy.get_optim_params())
    policy, optimizer, loader = accelerator.prepare(policy, optimizer, loader)
    batches, tracker, losses, began_s = cycle(loader), SimpleNamespace(), [], 0.0
    for step in range(request["steps"]):
        if step == request["warm_up"]:
            began_s = time.perf_counter()
        update_policy(tracker, policy, preprocess(next(batches)), optimizer, GRAD_CLIP_NORM, accelerator)
        losses.append(tracker.loss)
        if step % 50 == 49:
            print(f"lerobot: step {step + 1}, loss {np.mean(losses[-50:]):.4f}", file=sys.stderr)
    speed = (request["steps"] - request["warm_up"]) * request["batch_size"] / (time.perf_counter() - began_s)
    return losses, speed


def predict(policy, preprocess, postprocess, items, batch_size):
    """The chunks that an ACT predicts at every frame, with the recorded ones."""
    found = {"chunk": [], "action": [], "pad": []}
    for batch in torch.utils.data.DataLoader(items, batch_size=batch_size):
        given = {name: value for name, value in preprocess(batch).items() if not name.startswith("action")}
        found["chunk"].append(postprocess(policy.predict_action_chunk(given)).numpy())
        found["action"].append(batch["action"].numpy())
        found["pad"].append(batch["action_is_pad"].numpy())
    return {name: np.concatenate(values) for name, values in found.items()}


def main(folder):
    request = json.loads((folder / "request.json").read_text())
    torch.set_num_threads(1)
    rows = []
    for seed in request["seeds"]:
        torch.manual_seed(seed)
        meta = LeRobotDatasetMetadata("local/set", root=request["data"])
        policy = make_policy(request["kind"], meta, request["options"], request["learning_rate"])
        dataset = open_dataset(request["data"], policy.config)
        preprocess, postprocess = make_pre_post_processors(policy.config, dataset_stats=dataset.meta.stats)
        items = InMemory(dataset) if request["in_memory"] else dataset
        losses, speed = train(policy, preprocess, items, request)
        rows.append({"seed": seed, "losses": losses, "samples_per_s": speed})
        if request["test"]:
            test = InMemory(open_dataset(request["test"], policy.config))
            np.savez(folder / f"{seed}.npz", **predict(policy, preprocess, postprocess, test, request["batch_size"]))
    parameters = sum(value.numel() for value in policy.parameters())
    versions = {name: version(name) for name in ("lerobot", "torch")}
    (folder / "response.json").write_text(json.dumps({"versions": versions, "parameters": parameters, "rows": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
