"""How families of public vision-language models differ: image features, the prompt, masks and positions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import UnknownName
from praxia.nn.layers import channel_values

__all__ = ["FAMILIES", "Family", "find_family", "fit_square"]

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

Pixels = Float[Tensor, "B 3 P P"]


@dataclass(frozen=True)
class Family:
    """The models that `transformers` builds from a config whose `model_type` is `name`.

    `template` and `answer` are the family's own templates for a prompt and its answer (`PromptTokenizer`). `image(num)`
    is the text that stands for an image of `num` tokens, with the placeholder once per token. `num_tokens(config,
    side)` is that number, and `side(config)` the side in pixels of the images in pretraining. `image_features(model,
    pixels)` returns [B, N, D] from pixels normalised by `mean_std`. In a `bidirectional` family all tokens of the
    prompt attend to each other; otherwise the prompt is causal. With `grid_positions` an image's tokens are numbered by
    row and column (Qwen's M-RoPE).
    """

    name: str
    template: str
    answer: str
    image: Callable[[int], str]
    side: Callable[[Mapping[str, Any]], int]
    num_tokens: Callable[[Mapping[str, Any], int], int]
    image_features: Callable[[nn.Module, Pixels], Float[Tensor, "B N D"]]
    mean_std: tuple[tuple[float, ...], tuple[float, ...]]
    bidirectional: bool = False
    grid_positions: bool = False

    def pixels(self, images: UInt8[Tensor, "B 3 Y X"], side: int) -> Pixels:
        """Images fitted into a square of `side` pixels and normalised as by the model's own processor."""
        mean, std = (channel_values(channels, images.device) for channels in self.mean_std)
        return (fit_square(images, side) / 255 - mean) / std

    def positions(
        self, is_image: Bool[Tensor, "B L"], valid: Bool[Tensor, "B L"], num_tokens: int
    ) -> tuple[Int[Tensor, "... B L"], Int[Tensor, " B"]]:
        """Rotary positions of a prompt's tokens ([3, B, L] with `grid_positions`), and the position after the last."""
        if not self.grid_positions:
            return valid.cumsum(1) - 1, valid.sum(1)
        columns = round(num_tokens**0.5)
        num_image = is_image.cumsum(1)
        num_text = (valid & ~is_image).cumsum(1)
        # An image takes as many positions as its side has tokens, whatever their number in all.
        number, within = (num_image - 1).div(num_tokens, rounding_mode="floor"), (num_image - 1) % num_tokens
        start = num_text + number * columns
        of_image = torch.stack([start, start + within // columns, start + within % columns])
        of_text = (num_text - 1 + num_image // num_tokens * columns).expand_as(of_image)
        return torch.where(is_image, of_image, of_text), num_text[:, -1] + num_image[:, -1] // num_tokens * columns


def fit_square(images: UInt8[Tensor, "B 3 Y X"], side: int) -> Float[Tensor, "B 3 P P"]:
    """Images scaled (bilinear, antialiased) so that the longer side fits, then padded with black on both sides."""
    rows, columns = images.shape[-2:]
    values = images.float()
    if (rows, columns) == (side, side):
        return values
    size = [round(side * rows / max(rows, columns)), round(side * columns / max(rows, columns))]
    values = functional.interpolate(values, size=size, mode="bilinear", antialias=True, align_corners=False)
    above, left = (side - size[0]) // 2, (side - size[1]) // 2
    return functional.pad(values, (left, side - size[1] - left, above, side - size[0] - above))


def _paligemma_features(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    return model.get_image_features(pixels).pooler_output


def _smolvlm_features(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    return torch.stack(model.get_image_features(pixels[:, None]).pooler_output)


def _qwen_features(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    """Patches are ordered by the squares that are merged into one token; a still image is its own second frame."""
    vision = model.config.vision_config
    patch, merge, frames = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
    num = pixels.shape[-1] // (patch * merge)
    x = pixels.reshape(len(pixels), 3, num, merge, patch, num, merge, patch)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7).flatten(0, 4)[:, :, None].expand(-1, -1, frames, -1, -1)
    grid = torch.tensor([[1, num * merge, num * merge]] * len(pixels), device=pixels.device)
    return torch.stack(list(model.get_image_features(x.flatten(1), grid).pooler_output))


PALIGEMMA = Family(
    name="paligemma",
    template="{images}<bos>{instruction}\n",
    answer="{answer}<eos>",
    image=lambda num: "<image>" * num,
    side=lambda config: config["vision_config"]["image_size"],
    num_tokens=lambda config, side: (side // config["vision_config"]["patch_size"]) ** 2,
    image_features=_paligemma_features,
    mean_std=HALF,
    bidirectional=True,
)
SMOLVLM = Family(
    name="smolvlm",
    template="<|im_start|>User:{images}{instruction}<end_of_utterance>\nAssistant:",
    answer=" {answer}<end_of_utterance>",
    image=lambda num: f"<fake_token_around_image><global-img>{'<image>' * num}<fake_token_around_image>",
    side=lambda config: config["vision_config"]["image_size"],
    num_tokens=lambda config, side: (side // config["vision_config"]["patch_size"]) ** 2 // config["scale_factor"] ** 2,
    image_features=_smolvlm_features,
    mean_std=HALF,
)
QWEN = Family(
    name="qwen2_5_vl",
    template="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "{images}{instruction}<|im_end|>\n<|im_start|>assistant\n",
    answer="{answer}<|im_end|>",
    image=lambda num: f"<|vision_start|>{'<|image_pad|>' * num}<|vision_end|>",
    # Any size is allowed; this is about that of the other families, in multiples of the 28 px of a token.
    side=lambda config: 8 * config["vision_config"]["patch_size"] * config["vision_config"]["spatial_merge_size"],
    num_tokens=lambda config, side: (
        (side // (config["vision_config"]["patch_size"] * config["vision_config"]["spatial_merge_size"])) ** 2
    ),
    image_features=_qwen_features,
    mean_std=CLIP,
    grid_positions=True,
)
FAMILIES = {family.name: family for family in (PALIGEMMA, SMOLVLM, QWEN)}


def find_family(name: str) -> Family:
    """The family whose `model_type` is `name`.

    Raises:
        UnknownName: with the supported families.
    """
    if name not in FAMILIES:
        raise UnknownName("family of vision-language models", name, FAMILIES, "docs/ARCHITECTURE.md")
    return FAMILIES[name]
