"""Runs inside the `lerobot` package's own environment: its ACT and Diffusion Policy, and what they say.

Argument: a folder with `request.json`. Writes `NAME.npz` for each requested policy: its random weights ("weight/..."),
the raw batch ("batch/..."), the statistics that normalise it ("stats/..."), the noise that it drew, losses and chunks;
and the numbers of parameters into `response.json`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.datasets.factory import IMAGENET_STATS
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors

TRAINED_STEPS, GRAD_CLIP_NORM = 8, 10.0
KINDS = {"act": (ACTPolicy, ACTConfig), "diffusion": (DiffusionPolicy, DiffusionConfig)}
IMAGES = "observation.images."


def build(kind, cameras, size, state_dim, action_dim, options):
    """A policy with the package's own fresh weights, for images of `size` pixels."""
    inputs = {"observation.state": PolicyFeature(FeatureType.STATE, (state_dim,))}
    inputs |= {IMAGES + camera: PolicyFeature(FeatureType.VISUAL, (3, size, size)) for camera in cameras}
    outputs = {"action": PolicyFeature(FeatureType.ACTION, (action_dim,))}
    policy, config = KINDS[kind]
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    torch.manual_seed(0)
    return policy(config(input_features=inputs, output_features=outputs, device="cpu", **options))


def shake(policy):
    """Noise on every weight and on the stored statistics of norms, so that none is 0 or 1 where all others are, too."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in policy.state_dict().items():
            if value.is_floating_point() and "pos_enc" not in name and "pos_grid" not in name:
                noise = torch.randn(value.shape, generator=generator) * 0.02
                value.add_(noise.abs() if name.endswith("running_var") else noise)


def draw_batch(kind, policy, cameras, size, num):
    """A raw batch of the policy's windows, images in 0..255, the second half of whose chunks is padded in one row."""
    config, rng = policy.config, np.random.default_rng(0)
    steps = () if kind == "act" else (config.n_obs_steps,)
    horizon = config.chunk_size if kind == "act" else config.horizon
    state_dim, action_dim = config.robot_state_feature.shape[0], config.action_feature.shape[0]
    batch = {IMAGES + camera: rng.integers(0, 256, (num, *steps, 3, size, size), dtype=np.uint8) for camera in cameras}
    batch["observation.state"] = rng.normal(size=(num, *steps, state_dim)).astype(np.float32) * 3 + 1
    batch["action"] = rng.normal(size=(num, horizon, action_dim)).astype(np.float32) * 2 - 1
    batch["action_is_pad"] = np.zeros((num, horizon), bool)
    batch["action_is_pad"][-1, horizon // 2 :] = True
    return batch


def stats_of(batch):
    """Statistics as a data set has them, of more spread than the batch has; images by those of ImageNet."""
    stats = {}
    for name in ("observation.state", "action"):
        flat = batch[name].reshape(-1, batch[name].shape[-1])
        stats[name] = {"mean": flat.mean(0), "std": flat.std(0), "min": flat.min(0) - 0.5, "max": flat.max(0) + 0.5}
    for name in batch:
        if name.startswith(IMAGES):
            stats[name] = {key: np.array(value, np.float32) for key, value in IMAGENET_STATS.items()}
    return stats


def tensors(batch):
    """The batch as the package's loader gives it: images as floats in 0..1."""
    return {
        name: torch.from_numpy(value).float() / 255 if value.dtype == np.uint8 else torch.from_numpy(value)
        for name, value in batch.items()
    }


def run(kind, cameras, size, state_dim, action_dim, options, num):
    """Everything of one policy as arrays."""
    policy = build(kind, cameras, size, state_dim, action_dim, options)
    shake(policy)
    raw = draw_batch(kind, policy, cameras, size, num)
    stats = stats_of(raw)
    as_tensors = {
        name: {key: torch.from_numpy(np.array(value)) for key, value in one.items()} for name, one in stats.items()
    }
    before, after = make_pre_post_processors(policy.config, dataset_stats=as_tensors)
    batch = before(tensors(raw))
    policy.train()
    torch.manual_seed(2)
    with torch.no_grad():
        loss, parts, drawn = loss_of(policy, batch)
    policy.eval()
    found = {f"weight/{name}": value.numpy().copy() for name, value in policy.state_dict().items()}
    found |= {f"batch/{name}": value for name, value in raw.items()}
    found |= {f"stats/{name}/{key}": np.asarray(value) for name, one in stats.items() for key, value in one.items()}
    found |= {f"drawn/{name}": value.numpy() for name, value in drawn.items()}
    found["loss"] = np.array(float(loss))
    found |= {f"loss/{name}": np.array(value) for name, value in (parts or {}).items()}
    found["chunk"] = after(sample(kind, policy, batch, found)).numpy()
    found |= train(policy, batch)
    return found, sum(value.numel() for value in policy.parameters())


def loss_of(policy, batch):
    """The policy's loss, its parts, and what it drew for it."""
    drawn = {}

    def remember(name, function):
        def call(*arguments, **options):
            drawn[name] = function(*arguments, **options)
            return drawn[name]

        return call

    with (
        mock.patch.object(torch, "randn", remember("noise", torch.randn)),
        mock.patch.object(torch, "randn_like", remember("noise", torch.randn_like)),
        mock.patch.object(torch, "randint", remember("step", torch.randint)),
    ):
        loss, parts = policy.forward(dict(batch))
    return loss, parts, drawn


def train(policy, batch):
    """Losses of a few optimiser steps in float64 on the batch without padding, as the package takes them, and draws."""
    torch.set_default_dtype(torch.float64)
    batch = {name: value.double() if torch.is_tensor(value) else value for name, value in batch.items()}
    batch["action_is_pad"] = torch.zeros(batch["action"].shape[:2], dtype=torch.bool)
    policy.double()
    optimizer = policy.config.get_optimizer_preset().build(policy.get_optim_params())
    policy.train()
    losses, draws = [], []
    for _ in range(TRAINED_STEPS):
        loss, _, drawn = loss_of(policy, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), GRAD_CLIP_NORM)
        optimizer.step()
        losses.append(float(loss.detach()))
        draws.append(drawn)
    torch.set_default_dtype(torch.float32)
    return {
        "trained/loss": np.array(losses),
        **{f"trained/{name}": np.stack([drawn[name].numpy() for drawn in draws]) for name in draws[0]},
    }


def sample(kind, policy, batch, found):
    """Normalised chunks; of a diffusion policy the whole horizon from noise that is kept."""
    if kind == "act":
        return policy.predict_action_chunk({name: value for name, value in batch.items() if name != "action"})
    images = torch.stack([batch[name] for name in policy.config.image_features], dim=-4)
    noise = torch.randn(batch["action"].shape, generator=torch.Generator().manual_seed(3))
    found["drawn/start"] = noise.numpy()
    with torch.no_grad():
        condition = policy.diffusion._prepare_global_conditioning({**batch, "observation.images": images})
        return policy.diffusion.conditional_sample(len(noise), global_cond=condition, noise=noise)


def main(folder):
    request = json.loads((folder / "request.json").read_text())
    counts = {}
    for name, case in request["run"].items():
        found, counts[name] = run(**case)
        np.savez(folder / f"{name}.npz", **found)
    for name, case in request["count"].items():
        policy = build(**case)
        counts[name] = sum(value.numel() for value in policy.parameters())
    versions = {name: version(name) for name in ("lerobot", "torch")}
    (folder / "response.json").write_text(json.dumps({"versions": versions, "parameters": counts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
