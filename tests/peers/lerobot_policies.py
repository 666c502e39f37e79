"""Are our ACT and Diffusion Policy, in their published form, the `lerobot` package's?

    python tests/peers/lerobot_policies.py [--venv build/lerobot-venv] [--json]

A command, not a test of the suite: on first use it installs a stock `lerobot` (8 GB with its CUDA torch; it runs on a
CPU) into its own environment. There each policy is built with random weights, which are given to ours by name; on the
same raw batch, with the same noise, losses and chunks in units must agree within 1e-4, and so must the losses of eight
optimiser steps from there in float64, as each recipe and the package take them, relative to the first (Diffusion Policy
without its weight decay of 1e-6, which is Adam's there and AdamW's here). Parameters of the published
recipes are counted, too. Prints one JSON verdict; exit code 0 if everything agrees.

With dropout off, which draws differently. Losses: of rows without padding, because the package counts padded steps as
errors of 0 (ACT) or in full (Diffusion Policy); ACT's L1 with a padded row by the share of valid steps. Diffusion is
sampled by DDIM in all of its 100 steps without clipping: with fewer the package spaces them otherwise, and where it
clips, it keeps the noise.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from lerobot_environment import FOLDER, peer, run_inside
from lerobot_weights import act_weights, diffusion_weights

from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.text import NoText
from praxia.heads.act import ACT
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.recipes.known_published import RESNET18, act_published, diffusion_policy_unet_published
from praxia.training.config import Train, TrainRun
from praxia.training.optimizer import make_optimizer
from praxia.transforms.normalise import Normaliser

TOLERANCE = 1e-4
CAMERAS = ("front", "wrist")
STATE_DIM, ACTION_DIM = 5, 3
WITHOUT_CLIP = 1e6
IMAGES = "observation.images."

SMALL_ACT = {"dim_model": 64, "n_heads": 4, "dim_feedforward": 96, "n_encoder_layers": 2, "n_vae_encoder_layers": 2}
SMALL_ACT |= {"chunk_size": 12, "n_action_steps": 12, "dropout": 0.0, "pretrained_backbone_weights": None}
SMALL_DIFFUSION = {"down_dims": [32, 64], "diffusion_step_embed_dim": 16, "spatial_softmax_num_keypoints": 8}
SMALL_DIFFUSION |= {"noise_scheduler_type": "DDIM", "clip_sample_range": WITHOUT_CLIP, "optimizer_weight_decay": 0.0}
# With batches of states 4 and actions 4 as in `tests/recipes/test_known.py`.
PUBLISHED = {
    "act-published": {"kind": "act", "size": 96, "options": {"pretrained_backbone_weights": None}},
    "diffusion-policy-unet-published": {
        "kind": "diffusion",
        "size": 96,
        "options": {"use_separate_rgb_encoder_per_camera": True},
    },
}


def request() -> dict[str, Any]:
    """The policies to run, and those to count."""
    shape = {"cameras": CAMERAS, "state_dim": STATE_DIM, "action_dim": ACTION_DIM, "num": 4}
    run = {"act": {"kind": "act", "size": 96, "options": SMALL_ACT}}
    for name, separate in (("diffusion-shared", False), ("diffusion-separate", True)):
        options = {**SMALL_DIFFUSION, "use_separate_rgb_encoder_per_camera": separate, "crop_shape": [84, 84]}
        run[name] = {"kind": "diffusion", "size": 96, "options": {**options, "crop_is_random": False}}
    count = {name: {"cameras": CAMERAS, "state_dim": 4, "action_dim": 4, **case} for name, case in PUBLISHED.items()}
    return {"run": {name: {**shape, **case} for name, case in run.items()}, "count": count}


def ours(name: str) -> tuple[EncoderHead, Shapes]:
    """The config of ours that is to equal one of the policies that run."""
    if name == "act":
        head = ACT(width=64, mlp_width=96, num_heads=4, encoder_depth=2, latent=32, detr=True)
        encoder = ResNetGrid(text=NoText(width=0), channels=RESNET18, trunk="frozen-batch-norm", detr_width=64)
        return EncoderHead(encoder=encoder, head=head), Shapes(CAMERAS, 2, 1, ((STATE_DIM, ACTION_DIM),), 12, 2)
    encoder = ResNet(
        text=NoText(width=0),
        channels=RESNET18,
        trunk="group-norm",
        keypoints=8,
        separate_cameras=name.endswith("separate"),
        crop=0.875,
    )
    denoiser = UNet(channels=(32, 64), published=True, time_width=16)
    head = Diffusion(denoiser, repeats=1, num_steps=100, clip=WITHOUT_CLIP)
    return EncoderHead(encoder=encoder, head=head), Shapes(CAMERAS, 4, 2, ((STATE_DIM, ACTION_DIM),), 16, 2)


def normaliser(found: dict[str, np.ndarray], feature: str, name: str) -> Normaliser:
    stats = {key: found[f"stats/{feature}/{key}"].tolist() for key in ("mean", "std", "min", "max")}
    return Normaliser.from_stats(stats, normalisation="mean-std" if name == "act" else "min-max")


def batch_of(found: dict[str, np.ndarray], name: str) -> Batch:
    """Their raw batch through our normalisers."""
    state = normaliser(found, "observation.state", name).encode(found["batch/observation.state"])
    action = normaliser(found, "action", name).encode(found["batch/action"])
    state = state if state.ndim == 3 else state[:, None]
    images = {camera: found[f"batch/{IMAGES}{camera}"] for camera in CAMERAS}
    images = {camera: torch.from_numpy(one if one.ndim == 5 else one[:, None]) for camera, one in images.items()}
    num, steps = state.shape[:2]
    return Batch(
        images=images,
        image_valid={camera: torch.ones(num, steps, dtype=torch.bool) for camera in CAMERAS},
        state=torch.from_numpy(state),
        state_valid=torch.ones(num, steps, dtype=torch.bool),
        text=torch.zeros(num, 1, dtype=torch.int64),
        text_valid=torch.zeros(num, 1, dtype=torch.bool),
        embodiment=torch.zeros(num, dtype=torch.int64),
        action=torch.from_numpy(action),
        action_valid=torch.from_numpy(~found["batch/action_is_pad"]),
    )


def act_losses(model: EncoderHeadModel, batch: Batch, found: dict[str, np.ndarray]) -> dict[str, float]:
    """Differences of L1, by the share of valid steps, and of the divergence."""
    assert batch.action_valid is not None
    metrics = replayed(model, batch, found["drawn/noise"])[1]
    l1 = float(metrics["l1"]) * float(batch.action_valid.float().mean())
    return {
        "l1": abs(l1 - float(found["loss/l1_loss"])),
        "kl": abs(float(metrics["kl"]) - float(found["loss/kld_loss"])),
    }


def diffusion_losses(model: EncoderHeadModel, batch: Batch, found: dict[str, np.ndarray]) -> dict[str, float]:
    """The difference of the loss over all steps, padded or not."""
    every = replace(batch, action_valid=torch.ones_like(batch.action_valid))
    loss, _ = replayed(model, every, found["drawn/noise"], found["drawn/step"])
    return {"loss": abs(float(loss) - float(found["loss"]))}


def training_losses(model: EncoderHeadModel, batch: Batch, found: dict[str, np.ndarray], train: Train) -> float:
    """The largest difference of the losses of optimiser steps without padding, relative to the first.

    In float64: Adam's first steps go by the sign of a gradient, which rounding decides where that is nearly zero.
    """
    assert batch.action_valid is not None
    torch.set_default_dtype(torch.float64)
    model.double()
    every = torch.ones_like(batch.action_valid)
    batch = replace(batch, state=batch.state.double(), action=batch.action.double(), action_valid=every)
    optimizer = make_optimizer(model, train)
    losses = []
    for step, noise in enumerate(found["trained/noise"]):
        steps = found["trained/step"][step] if "trained/step" in found else None
        loss, _ = replayed(model, batch, noise, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip_norm)
        optimizer.step()
        losses.append(float(loss.detach()))
    torch.set_default_dtype(torch.float32)
    theirs = found["trained/loss"]
    assert not np.isclose(theirs[0], theirs[-1], rtol=0.01), "training changes the loss"
    return float(np.abs(np.array(losses) - theirs).max() / theirs[0])


def replayed(
    model: EncoderHeadModel, batch: Batch, noise: np.ndarray, steps: np.ndarray | None = None
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Our loss with the noise and the steps of diffusion that the package drew."""
    drawn = None if steps is None else torch.from_numpy(steps)
    with (
        mock.patch.object(torch, "randn", return_value=torch.from_numpy(noise)),
        mock.patch.object(torch, "randint", return_value=drawn),
    ):
        return model.loss(batch, torch.Generator())


def compare(name: str, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Parameters, and the largest differences of losses and chunks."""
    config, shapes = ours(name)
    model = config.build(shapes)
    theirs = {key.removeprefix("weight/"): value for key, value in found.items() if key.startswith("weight/")}
    weights = act_weights(theirs) if name == "act" else diffusion_weights(theirs, shapes, keypoints=8)
    model.load_state_dict(weights)
    model.eval()
    batch = batch_of(found, name)
    with torch.no_grad():
        losses = act_losses(model, batch, found) if name == "act" else diffusion_losses(model, batch, found)
        noise = torch.from_numpy(found["drawn/start"]) if name != "act" else torch.zeros(len(batch.state), 0)
        chunk = normaliser(found, "action", name).decode(model.sample(batch, noise).numpy())
    scale = max(1.0, float(np.abs(found["chunk"]).max()))
    differences = {"chunk": float(np.abs(chunk - found["chunk"]).max()) / scale, **losses}
    diffusion = replace(diffusion_policy_unet_published().train, weight_decay=0.0)
    train = act_published().train if name == "act" else diffusion
    differences["training"] = training_losses(model.train(), batch, found, train)
    return {"agrees": max(differences.values()) <= TOLERANCE, **differences}


def parameters(run: TrainRun) -> int:
    """The number of a recipe's parameters, as `PUBLISHED` is counted."""
    window = run.window.with_cameras(CAMERAS)
    steps = len(window.observation_steps["state"])
    with torch.device("meta"):
        model = run.model.build(Shapes(CAMERAS, window.num_images, steps, ((4, 4),), window.horizon, 2))
    return sum(one.numel() for one in model.parameters())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    parser.add_argument("--json", action="store_true", help="print the verdict on one line")
    options = parser.parse_args()
    python, asked = peer(options.venv), request()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        response = run_inside(python, "lerobot_policies_inside.py", folder, asked)
        policies = {one: compare(one, dict(np.load(folder / f"{one}.npz"))) for one in asked["run"]}
    counted = {"act-published": act_published(), "diffusion-policy-unet-published": diffusion_policy_unet_published()}
    counts = {one: {"ours": parameters(run), "theirs": response["parameters"][one]} for one, run in counted.items()}
    agrees = all(one["agrees"] for one in policies.values()) and all(
        one["ours"] == one["theirs"] for one in counts.values()
    )
    verdict = {"agrees": agrees, **response["versions"], "policies": policies, "parameters": counts}
    print(json.dumps(verdict, indent=None if options.json else 1))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
