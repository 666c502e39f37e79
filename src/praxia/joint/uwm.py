"""UWM: one model of actions and of what follows them, whose two noise levels say what is given, wanted or absent.

Axes: B rows, R rows times repeats, H actions, A action dims, K later frames, N tokens of a frame, D width of a latent,
M present frames (the predicted camera's first, then those of the window's other cameras).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.config import fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.window import Window
from praxia.joint.interface import ACTION, FUTURE, JointModel
from praxia.joint.network import JointTransformer, RunningScale
from praxia.joint.roles import JointWorld, policy_of
from praxia.nn.flow import interpolate
from praxia.nn.layers import masked_mean
from praxia.nn.pretrained import begin_with, finish_with
from praxia.nn.stack import AttentionConfig
from praxia.nn.trainable import ModelConfig, Trainable
from praxia.nn.types import Batch, Pretrained, Shapes, WeighsShares
from praxia.nn.world import World
from praxia.policies.interface import TrainedPolicy
from praxia.transforms.chain import Transforms
from praxia.worlds.latent import LatentConfig

__all__ = ["UWM", "UWMModel"]


@dataclass(frozen=True)
class UWM(ModelConfig):
    """One flow over an action chunk and the latents of later frames, each with a time of its own.

    With one set of weights it is a policy (frames absent), forward dynamics (actions given), inverse dynamics (frames
    given), a model of video (actions absent), and a model of both. Rows without valid actions, as of video, train the
    frames alone.

    A window has the present image of every camera, the horizon's actions, as executed, and targets of `camera` at every
    stride of `latents` up to the horizon.

    UWM (Zhu et al. 2025, arXiv 2504.02792): AdaLN on observation features and two independent diffusion times,
    registers, a modality at the last time where it is absent. Deviations: a flow whose network predicts its end (data)
    in place of the noise of DDPM, and changes from frame to frame in place of frames, both because small latents are of
    low rank; a quarter of times each is exactly 0 and 1, which continuous times never are; a modality at time 0 is
    hidden, because pure noise tells nothing; `latents` are learned in the same run by their own loss, whose gradients
    are the only ones that reach them, where theirs are of a public VAE; the present is seen as latents, without a
    ResNet of its own, so that what is imagined can be the next present; neither state nor instruction is seen; the
    network is `nn.stack`.
    """

    tag: ClassVar[str] = "uwm"
    latents: LatentConfig
    camera: str
    """The camera whose later frames are predicted. The window's others are seen at the present alone."""
    width: int = 96
    """Width of the tokens."""
    depth: int = 3
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""
    num_registers: int = 4
    """Tokens that belong to no modality."""
    repeats: int = 2
    """Noise draws that share one pass of the encoder in training."""
    num_steps: int = 10
    """Euler steps when anything is sampled."""

    def build(self, shapes: Shapes) -> "UWMModel":
        return UWMModel(self, shapes)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "UWM":
        """With what the latents learn before training."""
        return replace(self, latents=fit_config(self.latents, chunks))

    def unfitted(self) -> "UWM":
        """The same network before `fit`."""
        return replace(self, latents=unfitted(self.latents))

    def fitted_as(self, other: Any) -> "UWM":
        """With what `other`, the same network, learned before training."""
        return replace(self, latents=fitted_as(self.latents, other.latents))

    def refitted_as(self, other: Any, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "UWM":
        """As `fitted_as`: nothing depends on the data."""
        return self.fitted_as(other)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> TrainedPolicy:
        """The model as a policy: actions wanted, frames absent."""
        assert isinstance(model, UWMModel), type(model)
        return policy_of(model, transforms, embodiments, window, masked=masked)

    def make_world(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> World:
        """The model as forward dynamics: actions given, frames wanted.

        Raises:
            MismatchError: relative actions.
        """
        assert isinstance(model, UWMModel), type(model)
        return JointWorld(model.requires_grad_(False).eval(), transforms, embodiments, window)


class UWMModel(JointModel):
    """See `UWM`. Satisfies `Trainable`, `WeighsShares` and `BeginsAndFinishes`.

    Raises:
        MismatchError: a window with states, without the predicted camera, with more than one image of a camera, or with
            a horizon that is no multiple of the stride; data of several embodiments.
    """

    def __init__(self, config: UWM, shapes: Shapes):
        super().__init__()
        self.config = config
        self.shapes = shapes
        self.cameras = _cameras(config, shapes)
        alone = replace(shapes, cameras=(config.camera,), num_images=1)
        self.latents = config.latents.build(alone)
        self.latent_width, self.stride = self.latents.width, config.latents.stride
        self.scale = RunningScale(shapes.horizon // self.stride)
        self.network = JointTransformer(
            AttentionConfig(config.depth, config.num_heads, config.num_heads, config.width // config.num_heads),
            width=config.width,
            num_registers=config.num_registers,
            horizon=shapes.horizon,
            stride=self.stride,
            action_dim=shapes.action_dim,
            latent_width=self.latent_width,
            num_present=len(self.cameras),
        )

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The loss of the latents, and the error of all valid actions and frames that are not given.

        Metrics: both, and the mean errors of actions and of frames.
        """
        batch = _with_actions(batch, self.shapes)
        assert isinstance(self.latents, Trainable), "every registered latent model is"
        alone = replace(self._alone(batch), share=batch.share.of_mean(0))
        of_latents, metrics = self.latents.loss(alone, generator)
        with torch.no_grad():
            present, future, future_valid = self._frames(batch)
            change = _changes(present, future)
            if self.training:
                self.scale.update(change, future_valid)
            change = change / self.scale()
        assert batch.action is not None
        assert batch.action_valid is not None
        repeats, valid = self.config.repeats, batch.action_valid
        action, valid, change, future_valid, present = (
            one.repeat(repeats, *[1] * (one.dim() - 1))
            for one in (torch.where(valid[..., None], batch.action, 0.0), valid, change, future_valid, present)
        )
        drawn = batch.share.uniform([len(action), 2], generator)
        times = (2 * drawn - 0.5).clamp(0, 1) * torch.stack([valid.any(1), future_valid.any(1)], dim=1)
        noises = [batch.share.normal(one.shape, generator) for one in (action, change)]
        x, _ = interpolate(noises[0], action, times[:, 0])
        y, _ = interpolate(noises[1], change, times[:, 1])
        found, frame_found = self.network(
            x, _seen(valid, times[:, 0]), y, _seen(future_valid, times[:, 1]), present, times
        )
        wanted = times < 1
        error = torch.where(wanted[:, :1], (found - action).square().mean(2), 0.0)
        frame_error = torch.where(wanted[:, 1:], (frame_found - change).square().mean((2, 3)), 0.0)
        both, counted = torch.cat([error, frame_error], dim=1), torch.cat([valid, future_valid], dim=1)
        loss = masked_mean(both, counted, batch.share.of_mean(1))
        means = {"action": (error, valid, wanted[:, :1]), "future": (frame_error, future_valid, wanted[:, 1:])}
        metrics = {f"latents_{name}": value for name, value in metrics.items()} | {"joint": loss.detach()}
        metrics |= {name: _mean(one.detach(), ok & want) for name, (one, ok, want) in means.items()}
        return of_latents + loss, metrics

    def num_valid(self, batch: Batch) -> Int[Tensor, "2"]:
        """The number of entries of the latents' loss, and of the valid actions and frames of the error."""
        batch = _with_actions(batch, self.shapes)
        assert isinstance(self.latents, WeighsShares), "every registered latent model does"
        assert batch.action_valid is not None
        valid = batch.action_valid.sum() + batch.target_image_valid[self.config.camera].sum()
        return torch.stack([self.latents.num_valid(self._alone(batch)), valid])

    def present(self, batch: Batch) -> Float[Tensor, "B M N D"]:
        """See `JointModel.present`."""
        images = {self.config.camera: _stacked([batch.images[name] for name in self.cameras])}
        valid = {self.config.camera: torch.cat([batch.image_valid[name] for name in self.cameras], dim=1)}
        return self.latents.encode(_seeing(batch, images, valid))

    def future(self, batch: Batch) -> Float[Tensor, "B K N D"]:
        """See `JointModel.future`."""
        name = self.config.camera
        valid = {name: batch.target_image_valid[name]}
        return self.latents.encode(_seeing(batch, {name: batch.target_images[name]}, valid))

    def sample(
        self, present: Float[Tensor, "B M N D"], given: Mapping[str, Tensor], want: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """See `JointModel.sample`."""
        _expect_modalities(given, want)
        shape = (len(present), len(self.scale.square), *present.shape[2:])
        blank = {
            ACTION: present.new_zeros(len(present), self.shapes.horizon, self.shapes.action_dim),
            FUTURE: present.new_zeros(shape),
        }
        x = {**blank, **given, **want}
        if FUTURE in given:
            x[FUTURE] = _changes(present, given[FUTURE]) / self.scale()
        num_steps = self.config.num_steps
        for step in range(num_steps):
            now = {name: 1.0 if name in given else step / num_steps if name in want else 0.0 for name in blank}
            times = present.new_tensor([now[ACTION], now[FUTURE]]).expand(len(present), 2)
            seen = [torch.full(one.shape[:2], now[name] > 0, device=one.device) for name, one in blank.items()]
            found = self.network(x[ACTION], seen[0], x[FUTURE], seen[1], present, times)
            end = dict(zip(blank, found, strict=True))
            x = {name: one.lerp(end[name], 1 / (num_steps - step)) if name in want else one for name, one in x.items()}
        x[FUTURE] = present[:, :1] + (x[FUTURE] * self.scale()).cumsum(1)
        return {name: x[name] for name in want}

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, or (None) the public ones that the latents' encoder names."""
        begin_with(self, self.latents.encoder, weights)

    @property
    def finish_changes(self) -> bool:
        """Whether there are adapters to merge."""
        return isinstance(self.latents.encoder, Pretrained)

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
        return finish_with(self, self.latents.encoder, weights)

    def _alone(self, batch: Batch) -> Batch:
        """The batch as the latents are trained on it: with the predicted camera alone."""
        name = self.config.camera
        return replace(batch, images={name: batch.images[name]}, image_valid={name: batch.image_valid[name]})

    def _frames(self, batch: Batch) -> tuple[Float[Tensor, "B M N D"], Float[Tensor, "B K N D"], Bool[Tensor, "B K"]]:
        """The latents of present and later frames in one pass, and which of the later ones are valid."""
        name = self.config.camera
        images = [*(batch.images[one] for one in self.cameras), batch.target_images[name]]
        valid = [*(batch.image_valid[one] for one in self.cameras), batch.target_image_valid[name]]
        seeing = _seeing(batch, {name: _stacked(images)}, {name: torch.cat(valid, dim=1)})
        latents = self.latents.encode(seeing)
        return latents[:, : len(self.cameras)], latents[:, len(self.cameras) :], valid[-1]


def _cameras(config: UWM, shapes: Shapes) -> tuple[str, ...]:
    """The window's cameras, the predicted one first."""
    if config.camera not in shapes.cameras:
        raise UnknownName("camera to predict", config.camera, shapes.cameras, "praxia data info DATA")
    if shapes.num_states or shapes.num_images != len(shapes.cameras):
        raise MismatchError(
            "expected a window with one image of each camera and no state for model 'uwm', got"
            f" {shapes.num_images} images of {len(shapes.cameras)} cameras and {shapes.num_states} states"
        )
    return (config.camera, *(name for name in shapes.cameras if name != config.camera))


def _with_actions(batch: Batch, shapes: Shapes) -> Batch:
    """The batch, with actions that are not valid where it has none."""
    if batch.action is not None:
        return batch
    action = batch.state.new_zeros(len(batch.state), shapes.horizon, shapes.action_dim)
    return replace(batch, action=action, action_valid=torch.zeros_like(action[..., 0], dtype=torch.bool))


def _seeing(batch: Batch, images: Mapping[str, Tensor], valid: Mapping[str, Tensor]) -> Batch:
    """The batch as an encoder of frames sees it, with other images."""
    return replace(batch, images=images, image_valid=valid, target_images={}, target_image_valid={})


def _stacked(images: list[Tensor]) -> Tensor:
    """Images of several cameras as so many frames of one.

    Raises:
        MismatchError: they are of several sizes.
    """
    if len(sizes := {tuple(one.shape[2:]) for one in images}) > 1:
        raise MismatchError(
            f"expected cameras of one size for model 'uwm', got {sorted(sizes)}; set sizes in a mixture"
        )
    return torch.cat(images, dim=1)


def _changes(present: Float[Tensor, "B M N D"], future: Float[Tensor, "B K N D"]) -> Float[Tensor, "B K N D"]:
    """From each frame to the next, beginning with the predicted camera's present one."""
    return torch.cat([present[:, :1], future], dim=1).diff(dim=1)


def _seen(valid: Bool[Tensor, "R T"], time: Float[Tensor, " R"]) -> Bool[Tensor, "R T"]:
    """What is attended to: what is valid and more than noise."""
    return valid & (time > 0)[:, None]


def _mean(error: Float[Tensor, "R T"], counted: Bool[Tensor, "R T"]) -> Float[Tensor, ""]:
    return torch.where(counted, error, 0.0).sum() / counted.sum().clamp_min(1)


def _expect_modalities(given: Collection[str], want: Collection[str]) -> None:
    for name in (*given, *want):
        if name not in (ACTION, FUTURE):
            raise UnknownName("modality", name, (ACTION, FUTURE), "given and want of `JointModel.sample`")
    if not want or set(given) & set(want):
        raise MismatchError(
            f"expected something to want that is not given, got {sorted(want)} with {sorted(given)} given"
        )
