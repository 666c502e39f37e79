"""A decoder beside a trained latent world: images of what it believes. The world stays as it is.

Axes: B rows, M frames that are valid, T frames, N tokens, D width of a token, Y X an image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Query
from praxia.core.window import Window
from praxia.nn.layers import masked_mean
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Batch, Shapes
from praxia.nn.world import Imagined, World, WorldState
from praxia.transforms.chain import Transforms
from praxia.worlds.frames import seen_frames
from praxia.worlds.latent import LatentConfig, LatentModel

__all__ = ["Decoded", "DecodedModel", "DecodedWorld", "Decoder", "square"]


@dataclass(frozen=True)
class Decoded(ModelConfig):
    """A latent world with a decoder of its latents, which alone is trained: on the latents of real frames.

    It is only to look at: nothing else reads its images, and no gradient of them reaches the world, as in DINO-WM
    (Zhou et al. 2024, arXiv 2411.04983). One checkpoint holds both. Satisfies `nn.trainable.BuildsOn` and
    `worlds.interface.MakesWorld`.

    Raises:
        PraxiaError: an `image_size` that is no multiple of 4.
    """

    tag: ClassVar[str] = "decoded"
    world: ModelConfig | None = None
    """The world; None: that of --start-from."""
    width: int = 64
    """Numbers of each cell of its grid."""
    image_size: int = 32
    """Side in pixels of the square that it draws, a multiple of 4. It is scaled to the camera's size."""

    def __post_init__(self) -> None:
        if self.image_size < 4 or self.image_size % 4:
            raise PraxiaError(f"expected --model.image-size of a multiple of 4, got {self.image_size}")

    @property
    def base(self) -> ModelConfig | None:
        """The world."""
        return self.world

    @property
    def base_name(self) -> str:
        return "world"

    def built_on(self, base: ModelConfig) -> "Decoded":
        """See `BuildsOn.built_on`: on any latent world."""
        if not isinstance(base, LatentConfig):
            raise MismatchError(f"expected a latent world to decode, such as 'lewm' or 'dino-wm', got {base.tag!r}")
        return replace(self, world=base)

    def build(self, shapes: Shapes) -> "DecodedModel":
        assert isinstance(self.world, LatentConfig), "the engine builds it on a world"
        world = self.world.build(shapes)
        assert isinstance(world, LatentModel), type(world)
        return DecodedModel(self, world, shapes.cameras)

    def make_world(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> World:
        """The world of a model that this config has built. Raises as `LatentConfig.make_world` does."""
        assert isinstance(model, DecodedModel), type(model)
        assert isinstance(self.world, LatentConfig), self.world
        world = self.world.make_world(model.world, transforms, embodiments, window, masked=masked)
        return DecodedWorld(world, model.requires_grad_(False).eval(), embodiments[0])


class DecodedModel(nn.Module):
    """See `Decoded`. Satisfies `Trainable`, `WeighsShares` and `BeginsAndFinishes`."""

    def __init__(self, config: Decoded, world: LatentModel, cameras: tuple[str, ...]):
        super().__init__()
        self.world = world.requires_grad_(False).eval()
        self.cameras = cameras
        self.image_size = config.image_size
        self.decoders = nn.ModuleDict({name: Decoder(world.width, config) for name in cameras})

    def train(self, mode: bool = True) -> "DecodedModel":
        """The world stays in evaluation mode: its BatchNorm keeps its statistics."""
        super().train(mode)
        self.world.eval()
        return self

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The mean squared error of the observed frames, of values in [0, 1], averaged over cameras.

        Metric: its root, out of 255.
        """
        images, valid = seen_frames(batch, self.cameras)
        with torch.no_grad():
            latents = self.world.encode(batch)[valid]
        targets = {name: square(images[name][valid], self.image_size) for name in self.cameras}
        errors = [(self.decoders[name](latents) - one).square().mean((1, 2, 3)) for name, one in targets.items()]
        error = torch.stack(errors).mean(0)
        loss = masked_mean(error, torch.ones_like(error, dtype=torch.bool), batch.share)
        return loss, {"pixel_rmse": 255 * loss.detach().sqrt()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of frames that the loss is the mean of."""
        return seen_frames(batch, self.cameras)[1].sum()

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, of the world and the decoder."""
        assert weights is not None, "the engine builds it on a world"
        self.load_state_dict(dict(weights))

    @property
    def finish_changes(self) -> bool:
        return False

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` as they are."""
        return weights


class Decoder(nn.Module):
    """Latents -> an image: each cell of a grid, of a quarter of the image's side, attends to the tokens from a place of
    its own and maps what it gets by weights of its own; two upsamplings with convolutions follow.

    With one token that is a linear layer to a grid, as in DreamerV3's decoder. What it draws is added to a learned
    image, of what a fixed camera always sees.
    """

    def __init__(self, num_in: int, config: Decoded):
        super().__init__()
        width, side = config.width, config.image_size // 4
        self.always = nn.Parameter(torch.full((3, config.image_size, config.image_size), 0.5))
        self.place = nn.Parameter(torch.randn(side * side, width))
        self.key, self.value = nn.Linear(num_in, width), nn.Linear(num_in, width)
        self.cells = nn.Parameter(torch.randn(side * side, width, width) / width**0.5)
        self.draw = nn.Sequential(
            nn.Unflatten(2, (side, side)),
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width // 2, width // 4, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width // 4, 3, 3, padding=1),
        )

    def forward(self, latents: Float[Tensor, "M N D"]) -> Float[Tensor, "M 3 Y X"]:
        """Values of about [0, 1]."""
        place = self.place.expand(len(latents), -1, -1)
        seen = functional.scaled_dot_product_attention(place, self.key(latents), self.value(latents))
        cells = torch.einsum("mgw,gwv->mgv", seen, self.cells) + self.place
        return self.always + self.draw(cells.mT)


def square(images: UInt8[Tensor, "M 3 _ _"], side: int) -> Float[Tensor, "M 3 Y X"]:
    """Images as decoders are to draw them: squares of `side` pixels, values in [0, 1]."""
    return functional.interpolate(images.float() / 255, size=(side, side), mode="area")


class DecodedWorld:
    """A world with a decoder. Satisfies `nn.world.World` and `Decodes`."""

    def __init__(self, world: World, model: DecodedModel, embodiment: Embodiment):
        self._world = world
        self._model = model
        self.embodiment = embodiment
        self.window = world.window
        self.stride = world.stride

    def start(self, queries: Sequence[Query]) -> WorldState:
        """See `World.start`."""
        return self._world.start(queries)

    def imagine(self, state: WorldState, actions: Float[Tensor, "B H A"]) -> Imagined:
        """See `World.imagine`."""
        return self._world.imagine(state, actions)

    @torch.no_grad()
    def decode(self, state: WorldState) -> Mapping[str, UInt8[np.ndarray, "B Y X 3"]]:
        """See `Decodes.decode`. Of cameras of another shape than a square, squares are stretched."""
        sizes = {camera.name: (camera.height, camera.width) for camera in self.embodiment.cameras}
        found = {}
        for name, decoder in self._model.decoders.items():
            drawn = functional.interpolate(decoder(state.latent), size=sizes[name], mode="bilinear")
            found[name] = (255 * drawn.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return found
