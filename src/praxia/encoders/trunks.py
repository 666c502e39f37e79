"""ResNets as encoders use them: images to feature maps. One of our own, and torchvision's with other norms."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import MismatchError, PraxiaError

__all__ = ["FrozenBatchNorm", "TorchvisionTrunk", "Trunk", "TrunkKind", "build_trunk", "load_torchvision"]

TrunkKind = Literal["convolution-stem", "group-norm", "frozen-batch-norm"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build_trunk(kind: TrunkKind, channels: tuple[int, ...]) -> "Trunk | TorchvisionTrunk":
    """Feature maps with the last of `channels`: `Trunk`, or torchvision's ResNet with either norm."""
    return Trunk(channels) if kind == "convolution-stem" else TorchvisionTrunk(channels, frozen="frozen" in kind)


def load_torchvision(trunk: nn.Module, path: Path) -> None:
    """Load a ResNet's weights and statistics from a safetensors file by torchvision's names; its last layer is left.

    Raises:
        PraxiaError: there is no such file, or it is none. MismatchError: a tensor is missing or has another shape.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PraxiaError(
            f"expected --model.encoder.weights to be a safetensors file of a ResNet, got {path} ({error}); "
            "`hf download timm/resnet18.tv_in1k model.safetensors` gets one"
        ) from error
    own = trunk.state_dict()
    for name, value in own.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != tuple(value.shape):
            raise MismatchError(
                f"{path} does not fit the encoder's ResNet: expected {name} of shape {tuple(value.shape)}, got"
                f" {found or 'none'}; choose another file or --model.encoder.channels"
            )
    trunk.load_state_dict({name: tensors[name] for name in own})


class Trunk(nn.Module):
    """Images to feature maps of a fourth of their size, halved between stages, with the last stage's channels."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        first = channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 7, 2, 3),
            group_norm(first),
            nn.ReLU(),
            nn.Conv2d(first, first, 3, 2, 1),
            group_norm(first),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(
            *(
                nn.Sequential(BasicBlock(cin, cout, 1 if at == 0 else 2), BasicBlock(cout, cout, 1))
                for at, (cin, cout) in enumerate(zip((first, *channels[:-1]), channels, strict=True))
            )
        )

    def forward(self, images: UInt8[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        x = images.to(next(self.stem.parameters()).dtype) / 127.5 - 1.0
        return self.stages(self.stem(x.contiguous(memory_format=torch.channels_last)))


class BasicBlock(nn.Module):
    """ResNet's basic block: two 3x3 convolutions with a shortcut."""

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1),
            group_norm(cout),
            nn.ReLU(),
            nn.Conv2d(cout, cout, 3, 1, 1),
            group_norm(cout),
        )
        same = cin == cout and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(nn.Conv2d(cin, cout, 1, stride), group_norm(cout))

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        return functional.relu(self.inside(x) + self.skip(x))


def group_norm(channels: int) -> nn.GroupNorm:
    """16 channels per group, as in Diffusion Policy."""
    return nn.GroupNorm(max(channels // 16, 1), channels)


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with stored statistics, scale and shift, none of which is ever trained or updated.

    All four are buffers: 0, 1, 1 and 0 (nothing is normalised) until weights are loaded. As DETR's (arXiv 2005.12872).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C Y X"]:
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class TorchvisionTrunk(nn.Module):
    """Images to feature maps of a 32nd of their size (with four stages), by the names of torchvision's `resnet18`.

    7x7/2 convolution, max-pool, stages of two basic blocks; convolutions have no bias and start as there (He et al.
    2015, fan out). Pixels are normalised by ImageNet's mean and standard deviation, which is what the `lerobot` package
    does, too. `frozen`: the norms are `FrozenBatchNorm`, as in ACT; otherwise GroupNorm of 16 channels per group, as in
    Diffusion Policy.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: tuple[int, ...], *, frozen: bool):
        super().__init__()
        norm: Callable[[int], nn.Module] = FrozenBatchNorm if frozen else group_norm
        first = channels[0]
        self.conv1 = nn.Conv2d(3, first, 7, 2, 3, bias=False)
        self.bn1 = norm(first)
        self.num_stages = len(channels)
        for at, (cin, cout) in enumerate(zip((first, *channels[:-1]), channels, strict=True), start=1):
            blocks = (_Block(cin, cout, 1 if at == 1 else 2, norm), _Block(cout, cout, 1, norm))
            self.add_module(f"layer{at}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None] * 255, persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None] * 255, persistent=False)

    def forward(self, images: UInt8[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        x = (images.to(self.conv1.weight.dtype) - self.mean) / self.std
        x = functional.relu(self.bn1(self.conv1(x.contiguous(memory_format=torch.channels_last))))
        x = functional.max_pool2d(x, 3, 2, 1)
        for at in range(1, self.num_stages + 1):
            x = self.get_submodule(f"layer{at}")(x)
        return x


class _Block(nn.Module):
    """ResNet's basic block by torchvision's names."""

    def __init__(self, cin: int, cout: int, stride: int, norm: Callable[[int], nn.Module]):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = norm(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = norm(cout)
        same = cin == cout and stride == 1
        self.downsample = None if same else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), norm(cout))

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C2 Y2 X2"]:
        skip = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + skip)
