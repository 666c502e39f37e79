"""The weights of the `lerobot` package's ACT and Diffusion Policy under the names of ours.

Where the order of features differs (theirs: timesteps, then state and cameras; x and y of a keypoint in turn. Ours:
cameras, then their timesteps, then all states; all x, then all y), the columns of the layer that reads them move.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from praxia.nn.types import Shapes

__all__ = ["act_weights", "diffusion_weights"]

LAYER = (
    (r"self_attn\.", "attention."),
    (r"linear1\.", "mlp.0."),
    (r"linear2\.", "mlp.3."),
    (r"norm(\d)\.", lambda found: f"norms.{int(found[1]) - 1}."),
)
DECODER_LAYER = ((r"self_attn\.", "self_attention."), (r"multihead_attn\.", "attention."), *LAYER[1:])
ACT = {
    "vae_encoder_cls_embed.weight": "head.posterior.summary",
    "vae_encoder_robot_state_input_proj.": "head.posterior.state_in.",
    "vae_encoder_action_input_proj.": "head.posterior.action_in.",
    "vae_encoder_latent_output_proj.": "head.posterior.out.",
    "vae_encoder.layers.": "head.posterior.encoder.layers.",
    "backbone.": "encoder.trunk.",
    "encoder.layers.": "head.encoder.layers.",
    "decoder.layers.0.": "head.decoder.",
    "decoder.norm.": "head.norm.",
    "encoder_robot_state_input_proj.": "encoder.state_in.",
    "encoder_latent_input_proj.": "head.latent_in.",
    "encoder_img_feat_input_proj.": "encoder.image_in.",
    "decoder_pos_embed.weight": "head.queries",
    "action_head.": "head.out.",
}
BLOCK = (
    (r"conv1\.block\.", "first."),
    (r"conv2\.block\.", "second."),
    (r"cond_encoder\.1\.", "film.1."),
    (r"residual_conv\.", "skip."),
)
UNET = (
    (r"^diffusion_step_encoder\.1\.", "time_in.0."),
    (r"^diffusion_step_encoder\.3\.", "time_in.2."),
    (r"^down_modules\.(\d)\.([01])\.", r"down.\1.\2."),
    (r"^down_modules\.(\d)\.2\.", r"shrink.\1."),
    (r"^mid_modules\.", "middle."),
    (r"^up_modules\.(\d)\.([01])\.", r"up.\1.\2."),
    (r"^up_modules\.(\d)\.2\.", r"grow.\1."),
    (r"^final_conv\.0\.block\.", "last."),
    (r"^final_conv\.1\.", "out."),
    *BLOCK,
)
# The children of torchvision's ResNet that hold weights, by their number in the package's nn.Sequential.
BACKBONE = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def act_weights(theirs: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """ACT's state dict as ours."""
    ours: dict[str, Tensor] = {}
    for full, value in theirs.items():
        name, tensor = full.removeprefix("model."), torch.from_numpy(value)
        if name == "encoder_1d_feature_pos_embed.weight":
            ours["head.latent_position"], ours["encoder.other_positions"] = tensor[:1], tensor[1:]
        elif name != "vae_encoder_pos_enc":
            start = max((one for one in ACT if name.startswith(one)), key=len)
            new = ACT[start] + name.removeprefix(start)
            if "layers." in start:
                new = _renamed(new, DECODER_LAYER if start.startswith("decoder") else LAYER)
            flat = new == "head.posterior.summary"
            ours[new] = tensor[0] if flat else tensor.flatten(1) if new == "encoder.image_in.weight" else tensor
    return ours


def diffusion_weights(theirs: Mapping[str, np.ndarray], shapes: Shapes, keypoints: int) -> dict[str, Tensor]:
    """Diffusion Policy's state dict as ours, of windows with as many images of each camera as states."""
    columns = _condition_columns(shapes, 2 * keypoints)
    ours: dict[str, Tensor] = {}
    for full, value in theirs.items():
        name, tensor = full.removeprefix("diffusion."), torch.from_numpy(value)
        if name.startswith("unet."):
            new = _renamed(name.removeprefix("unet."), UNET)
            if new.endswith("film.1.weight"):
                time_width = tensor.shape[1] - len(columns)
                tensor = torch.cat([tensor[:, :time_width], tensor[:, time_width:][:, columns]], dim=1)
            ours[f"head.denoiser.{new}"] = tensor.flatten(1) if new == "out.weight" else tensor
        elif not name.endswith("pos_grid"):
            found = re.fullmatch(r"rgb_encoder\.(\d\.)?(backbone\.(\d)|pool\.nets|out)\.(.+)", name)
            assert found, name
            camera, part, child, rest = found.groups()
            of_part = {"out": "out", "pool.nets": "narrow"}.get(part) or f"trunk.{BACKBONE[child]}"
            if of_part == "out" and rest == "weight":
                tensor = torch.cat([tensor[:, 0::2], tensor[:, 1::2]], dim=1)
            ours[f"encoder.vision.{camera or ''}{of_part}.{rest}"] = tensor
    return ours


def _condition_columns(shapes: Shapes, num_features: int) -> list[int]:
    """Which of their condition's columns each of ours is."""
    num_cameras, state_dim = len(shapes.cameras), shapes.state_dim
    per_step = state_dim + num_cameras * num_features
    starts = [step * per_step for step in range(shapes.num_states)]
    cameras = [
        start + state_dim + camera * num_features + feature
        for camera in range(num_cameras)
        for start in starts
        for feature in range(num_features)
    ]
    return [*cameras, *(start + dim for start in starts for dim in range(state_dim))]


def _renamed(name: str, rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]) -> str:
    for pattern, new in rules:
        name = re.sub(pattern, new, name, count=1)
    return name
