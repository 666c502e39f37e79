"""Public vision models as backbones: DINOv2, DINOv3, SigLIP, CLIP and ResNet, through `transformers`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.encoders.public.vision_files import build_vision_model, load_vision_model
from praxia.nn.layers import channel_values

__all__ = ["DINOV2_SMALL", "PublicVision", "VisionFeatures", "input_size"]

Sizes = Mapping[str, Any]

# facebook/dinov2-small as `read_vision` gives it, to build and count it without its files: 22,056,576 parameters.
DINOV2_SMALL = {
    "config": {
        "model_type": "dinov2",
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 6,
        "mlp_ratio": 4,
        "patch_size": 14,
        "image_size": 518,
    },
    "image_size": 224,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


@dataclass(frozen=True)
class VisionFeatures:
    """What a backbone sees in B images: a vector per patch or cell of its last feature map, and one for the image.

    `cls` is the CLS token of DINOv2, DINOv3 and CLIP, the attention pooling of SigLIP, and ResNet's mean.
    """

    patches: Float[Tensor, "B D Y X"]
    cls: Float[Tensor, "B D"]


@dataclass(frozen=True)
class VisionFamily:
    """The vision models that `transformers` builds from a config whose `model_type` is a key of `FAMILIES`.

    `model` is the library's class, `stride(config)` the pixels between two patches, `num_extra(config)` the number of
    tokens before those of the patches (None: the model gives a feature map), and `options` further arguments of its
    forward.
    """

    model: str
    stride: Callable[[Sizes], int]
    num_extra: Callable[[Sizes], int] | None
    options: Mapping[str, Any]


def _patch(config: Sizes) -> int:
    return config["patch_size"]


def _halvings(config: Sizes) -> int:
    """A stem that quarters, and stages of which all but the first halve."""
    halving_first = bool(config.get("downsample_in_first_stage"))
    return 4 * 2 ** (len(config["hidden_sizes"]) - 1 + halving_first)


def _registers(config: Sizes) -> int:
    return 1 + config["num_register_tokens"]


# Learned positions of another number of patches are interpolated; DINOv2 does so by itself, DINOv3 has rotary ones.
_INTERPOLATED = {"interpolate_pos_encoding": True}
FAMILIES = {
    "clip_vision_model": VisionFamily("CLIPVisionModel", _patch, lambda config: 1, _INTERPOLATED),
    "dinov2": VisionFamily("Dinov2Model", _patch, lambda config: 1, {}),
    "dinov2_with_registers": VisionFamily("Dinov2WithRegistersModel", _patch, _registers, {}),
    "dinov3_convnext": VisionFamily("DINOv3ConvNextModel", _halvings, lambda config: 1, {}),
    "dinov3_vit": VisionFamily("DINOv3ViTModel", _patch, _registers, {}),
    "resnet": VisionFamily("ResNetModel", _halvings, None, {}),
    "siglip_vision_model": VisionFamily("SiglipVisionModel", _patch, lambda config: 0, _INTERPOLATED),
}


class PublicVision(nn.Module):
    """uint8 images -> `VisionFeatures`: a public vision model with the image sizes and normalisation of its files.

    `description` is what `read_vision` returns. The longer side of an image becomes `image_size` pixels (0: that of the
    files) and the other one keeps the aspect ratio, both to the nearest multiple of a patch; positions are interpolated
    as the library does. `width` is D. Deviations from the models' own processors: nothing is cropped away, images that
    are not square stay so, and scaling is bilinear and antialiased.

    It stays in evaluation mode, also when it is trained: no dropout, no random positions (DINOv3), and the statistics
    of BatchNorm are those of the files, as in DETR and ACT.
    """

    def __init__(self, description: Mapping[str, Any], image_size: int = 0):
        super().__init__()
        self.config: Sizes = description["config"]
        self.family = FAMILIES[self.config["model_type"]]
        self.image_size: int = image_size or description["image_size"]
        self.stride = self.family.stride(self.config)
        self.width: int = (
            self.config["hidden_sizes"][-1] if "hidden_sizes" in self.config else self.config["hidden_size"]
        )
        self.mean, self.std = tuple(description["mean"]), tuple(description["std"])
        self.model: nn.Module = build_vision_model(self.family.model, self.config).eval()

    def train(self, mode: bool = True) -> "PublicVision":
        """Stay in evaluation mode; see the class."""
        return super().train(False)

    def load(self, folder: Path) -> None:
        """Load the weights in `folder`.

        Raises:
            MismatchError: some are missing or have another shape.
        """
        if next(self.model.parameters()).is_meta:
            return
        del self.model  # memory may not suffice for two
        self.model = load_vision_model(self.family.model, folder).eval()

    def freeze(self, *, all_weights: bool) -> None:
        """Freeze BatchNorm, which a policy's small batches would spoil, or everything."""
        for module in self.model.modules():
            if all_weights or isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)

    def forward(self, images: UInt8[Tensor, "B 3 Y X"]) -> VisionFeatures:
        pixels = self.pixels(images)
        output: Any = self.model(pixels, **self.family.options)
        features = output.last_hidden_state
        if self.family.num_extra is None:
            return VisionFeatures(features, output.pooler_output.flatten(1))
        rows, columns = (side // self.stride for side in pixels.shape[-2:])
        patches = features[:, self.family.num_extra(self.config) :].mT.unflatten(2, (rows, columns))
        pooled = getattr(output, "pooler_output", None)
        return VisionFeatures(patches, patches.mean((2, 3)) if pooled is None else pooled)

    def pixels(self, images: UInt8[Tensor, "B 3 Y X"]) -> Float[Tensor, "B 3 Y2 X2"]:
        """Images at the model's size and in its normalisation."""
        size = input_size(images.shape[-2], images.shape[-1], self.image_size, self.stride)
        values = images.float()
        if tuple(images.shape[-2:]) != size:
            values = functional.interpolate(values, size=size, mode="bilinear", antialias=True, align_corners=False)
        mean, std = (channel_values(channels, images.device) for channels in (self.mean, self.std))
        return (values / 255 - mean) / std


def input_size(rows: int, columns: int, side: int, stride: int) -> tuple[int, int]:
    """The multiples of `stride` nearest to the size at which the longer side of an image has `side` pixels."""
    scale = side / max(rows, columns) / stride
    return max(1, round(rows * scale)) * stride, max(1, round(columns * scale)) * stride
