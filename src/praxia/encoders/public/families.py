"""What differs between families of public vision-language models: images, marks around them, masks, positions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import UnknownName

__all__ = ["FAMILIES", "Family", "find_family", "fit_square"]

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

Pixels = Float[Tensor, "B 3 P P"]


@dataclass(frozen=True)
class Family:
    """A kind of model that `transformers` builds from a config whose `model_type` is `name`.

    `template` is its own way to be asked (`transforms.prompt.PromptTokenizer`), `answer` its way to answer. `image(config)`
    is the text that stands for one image, with the placeholder once for each of its `num_tokens(config, side)`
    tokens. `side(config)` is the side of the images it was trained on, in pixels. `see(model, pixels)` gives
    [B, N, D] from normalised pixels. In a `bidirectional` family the prompt's tokens all see each other; else each sees
    those before it. With `grid_positions` an image's tokens are numbered by row and column (Qwen's M-RoPE).
    """

    name: str
    template: str
    answer: str
    image: Callable[[int], str]
    side: Callable[[Mapping[str, Any]], int]
    num_tokens: Callable[[Mapping[str, Any], int], int]
    see: Callable[[nn.Module, Pixels], Float[Tensor, "B N D"]]
    normal: tuple[tuple[float, ...], tuple[float, ...]]
    bidirectional: bool = False
    grid_positions: bool = False

    def pixels(self, images: UInt8[Tensor, "B 3 Y X"], side: int) -> Pixels:
        """Images as the model's own processor normalises them, fitted into a square of `side` pixels."""
        mean, std = (torch.tensor(one, device=images.device)[:, None, None] for one in self.normal)
        return (fit_square(images, side) / 255 - mean) / std

    def positions(
        self, is_image: Bool[Tensor, "B L"], valid: Bool[Tensor, "B L"], num_tokens: int
    ) -> tuple[Int[Tensor, "... B L"], Int[Tensor, " B"]]:
        """Rotary positions of a prompt's tokens ([3, B, L] with `grid_positions`), and the position after the last."""
        if not self.grid_positions:
            return valid.cumsum(1) - 1, valid.sum(1)
        columns = round(num_tokens**0.5)
        seen = is_image.cumsum(1)
        words = (valid & ~is_image).cumsum(1)
        # An image is as long as its side, whatever the number of its tokens.
        number, within = (seen - 1).div(num_tokens, rounding_mode="floor"), (seen - 1) % num_tokens
        begin = words + number * columns
        of_image = torch.stack([begin, begin + within // columns, begin + within % columns])
        of_word = (words - 1 + seen // num_tokens * columns).expand_as(of_image)
        return torch.where(is_image, of_image, of_word), words[:, -1] + seen[:, -1] // num_tokens * columns


def fit_square(images: UInt8[Tensor, "B 3 Y X"], side: int) -> Float[Tensor, "B 3 P P"]:
    """Scaled (bilinear, without aliasing) until the longer side fits, then padded with black on both sides."""
    rows, columns = images.shape[-2:]
    values = images.float()
    if (rows, columns) == (side, side):
        return values
    size = [round(side * rows / max(rows, columns)), round(side * columns / max(rows, columns))]
    values = functional.interpolate(values, size=size, mode="bilinear", antialias=True, align_corners=False)
    above, left = (side - size[0]) // 2, (side - size[1]) // 2
    return functional.pad(values, (left, side - size[1] - left, above, side - size[0] - above))


def _see_paligemma(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    return model.get_image_features(pixels).pooler_output


def _see_smolvlm(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    return torch.stack(model.get_image_features(pixels[:, None]).pooler_output)


def _see_qwen(model, pixels: Pixels) -> Float[Tensor, "B N D"]:
    """Patches in squares of those that are merged into one token; a still image is its own second frame."""
    vision = model.config.vision_config
    patch, merge, frames = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
    num = pixels.shape[-1] // (patch * merge)
    x = pixels.reshape(len(pixels), 3, num, merge, patch, num, merge, patch)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7).flatten(0, 4)[:, :, None].expand(-1, -1, frames, -1, -1)
    grid = torch.tensor([[1, num * merge, num * merge]] * len(pixels), device=pixels.device)
    return torch.stack(list(model.get_image_features(x.flatten(1), grid).pooler_output))


PALIGEMMA = Family(
    name="paligemma",
    template="{pictures}<bos>{instruction}\n",
    answer="{answer}<eos>",
    image=lambda num: "<image>" * num,
    side=lambda config: config["vision_config"]["image_size"],
    num_tokens=lambda config, side: (side // config["vision_config"]["patch_size"]) ** 2,
    see=_see_paligemma,
    normal=HALF,
    bidirectional=True,
)
SMOLVLM = Family(
    name="smolvlm",
    template="<|im_start|>User:{pictures}{instruction}<end_of_utterance>\nAssistant:",
    answer=" {answer}<end_of_utterance>",
    image=lambda num: f"<fake_token_around_image><global-img>{'<image>' * num}<fake_token_around_image>",
    side=lambda config: config["vision_config"]["image_size"],
    num_tokens=lambda config, side: (side // config["vision_config"]["patch_size"]) ** 2 // config["scale_factor"] ** 2,
    see=_see_smolvlm,
    normal=HALF,
)
QWEN = Family(
    name="qwen2_5_vl",
    template="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "{pictures}{instruction}<|im_end|>\n<|im_start|>assistant\n",
    answer="{answer}<|im_end|>",
    image=lambda num: f"<|vision_start|>{'<|image_pad|>' * num}<|vision_end|>",
    # It takes any size; this is that of the other families, in whole tokens of 28 px.
    side=lambda config: 8 * config["vision_config"]["patch_size"] * config["vision_config"]["spatial_merge_size"],
    num_tokens=lambda config, side: (
        (side // (config["vision_config"]["patch_size"] * config["vision_config"]["spatial_merge_size"])) ** 2
    ),
    see=_see_qwen,
    normal=CLIP,
    grid_positions=True,
)
FAMILIES = {family.name: family for family in (PALIGEMMA, SMOLVLM, QWEN)}


def find_family(name: str) -> Family:
    """The family of models whose config says `name`.

    Raises:
        UnknownName: with those that work here.
    """
    if name not in FAMILIES:
        raise UnknownName("family of vision-language models", name, FAMILIES, "docs/ARCHITECTURE.md")
    return FAMILIES[name]
