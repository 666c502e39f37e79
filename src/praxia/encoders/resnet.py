"""A ResNet with GroupNorm and spatial softmax: the vision of Diffusion Policy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from praxia.core.config import ADDED
from praxia.core.errors import PraxiaError
from praxia.encoders.layers import Readout, StateProjection, spatial_softmax
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.encoders.trunks import TrunkKind, build_trunk
from praxia.nn.layers import zero_invalid
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["ResNet", "ResNetEncoder"]

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class ResNet(EncoderConfig):
    """Stages of two residual blocks with spatial softmax; keypoints, state and text become one readout token.

    He et al. 2016 (arXiv 1512.03385) with GroupNorm, 16 channels per group, in place of BatchNorm, and spatial softmax,
    as in Diffusion Policy (arXiv 2303.04137). Published size: channels (64, 128, 256, 512), ResNet-18. Deviations of
    the defaults: all cameras share their weights; the stem halves a second time by convolution; every channel gives a
    keypoint, and an MLP of `width` makes the token; no crops.

    Diffusion Policy's own form: `trunk` "group-norm" is torchvision's ResNet; `keypoints` (theirs are 32) are found
    after a 1x1 convolution, pass a linear layer with ReLU per image, and the token is all of them with state and text,
    without an MLP; `separate_cameras` have weights of their own. Only the middle `crop` of an image's height and width
    is seen: with random shifts of up to half of what is cut off this is their random crop (in evaluation: the middle).

    Keypoints of an invalid image are zero (Diffusion Policy repeats the first observation).

    Raises:
        PraxiaError: `crop` is not above 0 and at most 1.
    """

    tag: ClassVar[str] = "resnet"
    text: TextEncoderConfig = field(default_factory=PooledText)
    channels: tuple[int, ...] = (32, 64, 128)
    """Channels of the feature maps, from the first to the last, each half as large as the one before."""
    width: int = 512
    """Width of the readout."""
    trunk: TrunkKind = field(default="convolution-stem", metadata=ADDED)
    """torchvision's ResNet with GroupNorm or frozen BatchNorm, or one whose stem is two convolutions."""
    keypoints: int | None = field(default=None, metadata=ADDED)
    """Keypoints per image after a 1x1 convolution, which with the state are the token; None: one per channel, and an
    MLP."""
    separate_cameras: bool = field(default=False, metadata=ADDED)
    """Weights of its own for each camera."""
    crop: float = field(default=1.0, metadata=ADDED)
    """The share of an image's height and width that is seen, in its middle."""

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise PraxiaError(f"encoder 'resnet' expects a crop above 0 and at most 1, got {self.crop:g}")

    def build(self, shapes: Shapes) -> "ResNetEncoder | KeypointEncoder":
        return ResNetEncoder(self, shapes) if self.keypoints is None else KeypointEncoder(self, self.keypoints, shapes)


class ResNetEncoder(Encoder):
    """See `ResNet`: one keypoint per channel, and an MLP."""

    provides = Readout.provides

    def __init__(self, config: ResNet, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.crop = config.crop
        self.cameras = shapes.cameras
        self.trunk = _per_camera(config, shapes, lambda: build_trunk(config.trunk, config.channels))
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        num_points = 2 * config.channels[-1] * shapes.num_images
        self.readout = Readout(num_points + self.state.width + self.text.width, config.width)

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        return self.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        points = _features(batch, self.cameras, self.keypoints)
        return self.readout(torch.cat([*points, self.state(batch), self.text(batch)], dim=-1))

    def keypoints(self, images: UInt8[Tensor, "B C Y X"], camera: int) -> Float[Tensor, "B P"]:
        """The position of each feature in [-1, 1]: x and y of the softmax over each feature map."""
        return spatial_softmax(_of_camera(self.trunk, camera)(_middle(images, self.crop)))


class KeypointEncoder(Encoder):
    """See `ResNet`: Diffusion Policy's own form. The token is as wide as what it holds."""

    provides = Readout.provides

    def __init__(self, config: ResNet, keypoints: int, shapes: Shapes):
        super().__init__()
        self.crop = config.crop
        self.cameras = shapes.cameras
        self.vision = _per_camera(config, shapes, lambda: Keypoints(config, keypoints))
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        self.width = 2 * keypoints * shapes.num_images + self.state.width + self.text.width

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        for module in self.vision.modules():
            if isinstance(module, Keypoints):
                yield from module.trunk.parameters()

    def forward(self, batch: Batch) -> Context:
        features = _features(batch, self.cameras, self.keypoints)
        token = torch.cat([*features, self.state(batch), self.text(batch)], dim=-1)[:, None]
        return Context(token, torch.ones_like(token[..., 0], dtype=torch.bool), {"readout": slice(0, 1)})

    def keypoints(self, images: UInt8[Tensor, "B C Y X"], camera: int) -> Float[Tensor, "B P"]:
        """Of each image, seen in its middle."""
        return _of_camera(self.vision, camera)(_middle(images, self.crop))


class Keypoints(nn.Module):
    """An image -> the expected positions of `num` keypoints, through a linear layer and ReLU: 2 `num` features."""

    def __init__(self, config: ResNet, num: int):
        super().__init__()
        self.trunk = build_trunk(config.trunk, config.channels)
        self.narrow = nn.Conv2d(config.channels[-1], num, 1)
        self.out = nn.Linear(2 * num, 2 * num)

    def forward(self, images: UInt8[Tensor, "B C Y X"]) -> Float[Tensor, "B P"]:
        return self.out(spatial_softmax(self.narrow(self.trunk(images)))).relu()


def _features(
    batch: Batch, cameras: tuple[str, ...], features: Callable[[Tensor, int], Tensor]
) -> list[Float[Tensor, "B F"]]:
    """Each camera's `features` at all of its timesteps, zero where an image is not valid."""
    found = []
    for number, camera in enumerate(cameras):
        images = batch.images[camera]
        of_images = features(images.flatten(0, 1), number).unflatten(0, images.shape[:2])
        found.append(zero_invalid(of_images, batch.image_valid[camera]).flatten(1))
    return found


def _per_camera(config: ResNet, shapes: Shapes, make: Callable[[], Module]) -> Module | nn.ModuleList:
    """One module that all cameras share, or one for each."""
    return nn.ModuleList([make() for _ in shapes.cameras]) if config.separate_cameras else make()


def _of_camera(module: nn.Module, camera: int) -> nn.Module:
    return module[camera] if isinstance(module, nn.ModuleList) else module


def _middle(images: UInt8[Tensor, "B C Y X"], share: float) -> UInt8[Tensor, "B C _ _"]:
    """The middle `share` of the height and the width."""
    height, width = images.shape[-2:]
    rows, columns = max(1, int(height * share)), max(1, int(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[..., top : top + rows, left : left + columns]
