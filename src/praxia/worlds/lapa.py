"""LAPA's latent actions: what changed between two frames, as a few codes that are learned from frames alone.

Axes: B batch, N patches, D width, P codes of a change, K codes of the codebook, E numbers of a code, C Y X image.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.labelling import CODE
from praxia.core.window import Samples, Window
from praxia.encoders.layers import grid_positions, spatial_softmax
from praxia.nn.layers import masked_mean, zeroed
from praxia.nn.queries import to_batch
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.trainable import MakeOptimizer, Minimise, ModelConfig
from praxia.nn.types import Batch, Shapes
from praxia.transforms.chain import Transforms
from praxia.worlds.nsvq import NSVQ, Standardised, perplexity

__all__ = ["LAPA", "LAPACoder", "LAPAModel"]


@dataclass(frozen=True)
class LAPA(ModelConfig):
    """Latent actions by LAPA: an encoder of two frames, `num_codes` codes of what changed, a decoder of the later one.

    The window has the present image of one camera, its image a number of steps later as the target, and no actions.
    Convolutions find points in each frame (spatial softmax); each code is the nearest of the codebook to a linear map
    of how these have moved, the later frame's minus the first one's. The decoder, a transformer over patches, makes the
    later frame of the first one and the codes, which therefore have to say what the first one does not.

    LAPA (Ye et al. 2024, arXiv 2410.11758) and its public code: 4 codes of a codebook of 8, width 1024, 8 + 8 layers,
    256 px in patches of 32. Deviations: differences are those of points, where theirs are of patches after attention
    from the later frame to the first. On TwoRoom attention, or convolutions that see both frames, make a better image
    from codes of the place, which tell a linear probe nothing of the action (docs/LOG.md). What is quantised is
    standardised, because the codebook begins with a standard deviation of 1, beside which small changes would drown in
    noise; the decoder attends to codes and patches at once; it predicts the change of the pixels, where theirs predicts
    the pixels; codes are replaced (`worlds.nsvq`) every `replace_every` updates up to `replace_until`.
    """

    tag: ClassVar[str] = "lapa"
    num_codes: int = 4
    """Codes of a change."""
    codebook_size: int = 8
    """Codes to choose from."""
    code_width: int = 32
    """Numbers of a code."""
    num_points: int = 32
    """Points that are found in a frame."""
    patch_px: int = 8
    """Width and height of a patch in pixels."""
    width: int = 64
    """Width of the tokens."""
    depth: int = 2
    """Number of layers of the decoder."""
    num_heads: int = 4
    """Number of attention heads."""
    replace_every: int = 100
    """Updates after which codes that are hardly used are replaced."""
    replace_until: int = 500
    """Updates after which none is replaced any more."""

    def build(self, shapes: Shapes) -> "LAPAModel":
        return LAPAModel(self, shapes)

    def make_coder(
        self, model: nn.Module, transforms: Transforms, embodiments: tuple[Embodiment, ...], window: Window
    ) -> "LAPACoder":
        """The coder of a trained model."""
        assert isinstance(model, LAPAModel), type(model)
        return LAPACoder(model.eval(), transforms, embodiments[0], window)


class LAPAModel(nn.Module):
    """See `LAPA`. Satisfies `UpdatesItself`, because it replaces codes, `Trainable` and `WeighsShares`.

    Raises:
        MismatchError: several cameras or images.
    """

    step: Tensor

    def __init__(self, config: LAPA, shapes: Shapes):
        super().__init__()
        if shapes.num_images != 1:
            raise MismatchError(
                f"latent actions are of one camera at the present, got a window with {shapes.num_images} images"
            )
        self.config = config
        (self.camera,) = shapes.cameras
        head_width = config.width // config.num_heads
        attention = AttentionConfig(config.depth, config.num_heads, config.num_heads, head_width)
        self.encoder = convolutions(config.num_points)
        self.into = nn.Linear(2 * config.num_points, config.num_codes * config.code_width, bias=False)
        self.standardised = Standardised(config.num_codes, config.code_width)
        self.quantiser = NSVQ(config.codebook_size, config.code_width)
        self.out_of = nn.Linear(config.code_width, config.width)
        self.patches = Patches(config.patch_px, config.width)
        self.positions = nn.Parameter(torch.randn(config.num_codes, config.width) * 0.02)
        self.decoder = Stack(config.width, 4 * config.width, attention)
        self.pixels = zeroed(nn.Linear(config.width, 3 * config.patch_px**2))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def optimizers(self, make: MakeOptimizer) -> Mapping[str, torch.optim.Optimizer]:
        return {"adamw": make(self.parameters())}

    def update(
        self, batch: Batch, minimise: Minimise, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A step on the loss. Before it, when it is time, codes that are hardly used are replaced."""
        due = int(self.quantiser.updates) >= self.config.replace_every
        if due and int(self.step) <= self.config.replace_until:
            self.quantiser.replace_unused(generator)
        loss, metrics, index = self._loss(batch, generator)
        minimise("adamw", loss)
        self.quantiser.count(index, self._valid(batch))
        self.step += 1
        return loss, metrics

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The mean squared error of the later frame, whose pixels are in [-1, 1].

        Metrics: the error as a share of that of the baseline that nothing changes, and the perplexity of the codes.
        """
        loss, metrics, _ = self._loss(batch, generator)
        return loss, metrics

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of pairs of frames that the loss is the mean of."""
        return self._valid(batch).sum()

    @torch.no_grad()
    def codes(self, batch: Batch) -> tuple[Int[Tensor, "B P"], Bool[Tensor, " B"]]:
        """The numbers of the codes of what changed, and where both frames are valid."""
        return self.quantiser(self._change(*self._frames(batch), self._valid(batch)), None)[1], self._valid(batch)

    @torch.no_grad()
    def decode(self, batch: Batch, codes: Int[Tensor, "B P"]) -> Float[Tensor, "B C Y X"]:
        """The later frame that `codes` make of the present one, in [-1, 1]."""
        return self._decoded(self._frames(batch)[0], self.quantiser.codebook[codes])

    def _loss(
        self, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor], Int[Tensor, "B P"]]:
        (first, later), valid = self._frames(batch), self._valid(batch)
        change = self._change(first, later, valid)
        noise = batch.share.normal(change.shape, generator) if self.training else None
        vectors, index = self.quantiser(change, noise)
        errors = (self._decoded(first, vectors) - later).square().mean((1, 2, 3))
        unchanged = masked_mean((first - later).square().mean((1, 2, 3)), valid, batch.share)
        loss = masked_mean(errors, valid, batch.share)
        chosen = functional.one_hot(index, self.config.codebook_size) * valid[:, None, None]
        metrics = {
            "of_unchanged": loss.detach() / unchanged.clamp_min(1e-12),
            "perplexity": perplexity(chosen.sum((0, 1)).to(loss.dtype)),
        }
        return loss, metrics, index

    def _frames(self, batch: Batch) -> tuple[Float[Tensor, "B C Y X"], Float[Tensor, "B C Y X"]]:
        first, later = (images[self.camera][:, 0] for images in (batch.images, batch.target_images))
        if first.shape[-1] % self.config.patch_px or first.shape[-2] % self.config.patch_px:
            raise MismatchError(
                f"expected images of a multiple of {self.config.patch_px} px (--model.patch-px), got"
                f" {first.shape[-1]} x {first.shape[-2]}"
            )
        return _scaled(first, self.positions), _scaled(later, self.positions)

    def _valid(self, batch: Batch) -> Bool[Tensor, " B"]:
        return batch.image_valid[self.camera][:, 0] & batch.target_image_valid[self.camera][:, 0]

    def _change(
        self, first: Float[Tensor, "B C Y X"], later: Float[Tensor, "B C Y X"], valid: Bool[Tensor, " B"]
    ) -> Float[Tensor, "B P E"]:
        """What is quantised: how the points have moved."""
        before, after = (spatial_softmax(self.encoder(images)) for images in (first, later))
        return self.standardised(self.into(after - before).unflatten(1, (self.config.num_codes, -1)), valid)

    def _decoded(self, first: Float[Tensor, "B C Y X"], vectors: Float[Tensor, "B P E"]) -> Float[Tensor, "B C Y X"]:
        tokens = torch.cat([self.out_of(vectors) + self.positions, self.patches(first)], dim=1)
        num_codes, patch_px = self.config.num_codes, self.config.patch_px
        # Codes see each other, patches see all.
        blocks = (torch.arange(tokens.shape[1], device=tokens.device) >= num_codes).long()
        valid = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        found = self.pixels(self.decoder(tokens, valid, blocks)[0][:, num_codes:])
        return first + functional.fold(found.mT, first.shape[-2:], patch_px, stride=patch_px)


class LAPACoder:
    """A trained model that says what changes in a video. Satisfies `core.labelling.ChangeCoder`."""

    def __init__(self, model: LAPAModel, transforms: Transforms, embodiment: Embodiment, window: Window):
        self._model, self._transforms = model, transforms
        self.embodiment, self.window = embodiment, window
        last = float(model.config.codebook_size - 1)
        self.field = Field("latent", model.config.num_codes, "discrete", CODE, low=0.0, high=last)

    def code(self, samples: Samples) -> tuple[Int64[np.ndarray, "B P"], Bool[np.ndarray, " B"]]:
        """See `ChangeCoder.code`."""
        num_rows, size = len(samples.instruction), self._transforms.embodiments[0].state.size
        # Video may come without a state, or with that of another robot.
        state, valid = np.zeros((num_rows, 0, size), np.float32), np.zeros((num_rows, 0), bool)
        alone = replace(samples, state=state, state_valid=valid, embodiment=np.zeros(num_rows, np.int64), action=None)
        batch = to_batch(self._transforms.encode(alone), self._transforms).to(self._model.positions.device)
        codes, known = self._model.codes(batch)
        return codes.cpu().numpy(), known.cpu().numpy()


class Patches(nn.Module):
    """The patches of an image as tokens with fixed positions."""

    def __init__(self, patch_px: int, width: int):
        super().__init__()
        self.conv = nn.Conv2d(3, width, patch_px, patch_px)

    def forward(self, images: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B N D"]:
        x = self.conv(images)
        rows, columns = x.shape[2:]
        return x.flatten(2).mT + grid_positions(rows, columns, x.shape[1], x.device).to(x.dtype)


def convolutions(width: int) -> nn.Sequential:
    """An image -> `width` feature maps of half its size: 3x3, 5x5/2. Few steps, so that points move as things do."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.SiLU(), nn.Conv2d(8, width, 5, 2, 2))


def _scaled(images: UInt8[Tensor, "B C Y X"], like: Tensor) -> Float[Tensor, "B C Y X"]:
    return images.to(like.dtype) / 127.5 - 1.0
