"""Goal-conditioned inverse dynamics on the latents of a trained world: an amortised planner.

A planner searches actions that lead from the present latent to the goal's; this network has learned to tell them at
once, from episodes whose later frames are goals in hindsight (`Window.goal`).

Axes: B batch, H actions, A action dims, N tokens of a frame, D width of a token.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from praxia.core.config import fit_config, fitted_as, unfitted
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Batch, Context, Encoder, HeadConfig, Shapes
from praxia.nn.world import EncodesFrames
from praxia.policies.encoder_head import EncoderHeadPolicy
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.transforms.chain import Transforms

__all__ = ["GoalInverse", "GoalLatents"]


@dataclass(frozen=True)
class GoalInverse(ModelConfig):
    """A frozen world's latents of the present and of the goal, each through a linear layer of its own, and a head.

    The window observes the present and the goal once each; in training the goal is a later frame (`Window.goal`). One
    checkpoint holds both, the world whole, so that one hash covers them. Satisfies `nn.trainable.BuildsOn`, `FitsData`
    and `policies.interface.MakesPolicy`.
    """

    tag: ClassVar[str] = "goal-inverse"
    head: HeadConfig
    world: ModelConfig | None = None
    """The world; None: that of --start-from."""
    goal: Mapping[str, str] = field(default_factory=dict)
    """The images that show the goal, by those that the world sees, as in `planning.objectives.Objective.goal`."""
    width: int = 256
    """Width of the tokens."""

    @property
    def base(self) -> ModelConfig | None:
        """The world."""
        return self.world

    @property
    def base_name(self) -> str:
        return "encoder.world"

    def built_on(self, base: ModelConfig) -> "GoalInverse":
        """See `BuildsOn.built_on`. Whether `base` is a latent world shows when it is built."""
        return replace(self, world=base)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "GoalInverse":
        """With what the head learns before training."""
        return replace(self, head=fit_config(self.head, chunks))

    def unfitted(self) -> "GoalInverse":
        """The same network before `fit`."""
        return replace(self, head=unfitted(self.head))

    def fitted_as(self, other: "GoalInverse") -> "GoalInverse":
        """With what the head of `other` learned."""
        return replace(self, head=fitted_as(self.head, other.head))

    def refitted_as(self, other: "GoalInverse", chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "GoalInverse":
        """With the head fitted again on `chunks`."""
        return self.fit(chunks)

    def build(self, shapes: Shapes) -> EncoderHeadModel:
        """The network, with a world of fresh weights.

        Raises:
            MismatchError: the model to build on is no latent world, a camera that it sees has no goal, or the head
                needs what latents do not provide.
        """
        encoder = GoalLatents(self, shapes)
        head = self.head.build(shapes, encoder.width)
        if missing := head.requires - encoder.provides:
            raise MismatchError(f"head {self.head.tag!r} needs {sorted(missing)}, which latents do not provide")
        return EncoderHeadModel(encoder, head)

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> EncoderHeadPolicy:
        """The policy of a model that this config has built."""
        assert isinstance(model, EncoderHeadModel), type(model)
        return EncoderHeadPolicy(model, transforms, embodiments, window, masked=masked)


class GoalLatents(Encoder):
    """See `GoalInverse`. The group "readout" holds all tokens, so that heads that take one vector get their mean."""

    provides = frozenset({"readout"})

    def __init__(self, config: GoalInverse, shapes: Shapes):
        super().__init__()
        assert config.world is not None, "the engine builds it on a world"
        shown = {name.removeprefix("image."): goal.removeprefix("image.") for name, goal in config.goal.items()}
        seen = tuple(name for name in shapes.cameras if name not in shown.values())
        if set(seen) != set(shown) or shapes.num_images != len(seen) + len(set(shown.values())):
            raise MismatchError(
                "model 'goal-inverse' expects the present image of each camera and one of its goal, got cameras"
                f" {', '.join(shapes.cameras)} with {shapes.num_images} images and the goals {dict(config.goal)}"
            )
        self.goal = {name: shown[name] for name in seen}
        world = config.world.build(replace(shapes, cameras=seen, num_images=len(seen)))
        if not isinstance(world, EncodesFrames):
            raise MismatchError(f"expected a world with latents of frames, got model {config.world.tag!r}")
        self.world = world.requires_grad_(False)
        self.width = config.width
        self.present_in = nn.Linear(world.width, config.width)
        self.goal_in = nn.Linear(world.width, config.width)

    def forward(self, batch: Batch) -> Context:
        present, goal = self._latents(batch).unbind(1)
        tokens = torch.cat([self.present_in(present), self.goal_in(goal)], dim=1)
        seen = [
            torch.stack([batch.image_valid[name][:, 0] for name in names], 1).all(1, keepdim=True)
            for names in (self.goal, self.goal.values())
        ]
        mask = torch.cat([one.expand(-1, present.shape[1]) for one in seen], dim=1)
        return Context(tokens, mask, {"readout": slice(0, tokens.shape[1])})

    @torch.no_grad()
    def _latents(self, batch: Batch) -> Float[Tensor, "B 2 N D"]:
        """The world's latents of the present and of the goal, as two frames. Its norms keep their statistics."""
        self.world.eval()
        pairs = {name: (name, goal) for name, goal in self.goal.items()}
        images = {name: torch.cat([batch.images[one] for one in pair], 1) for name, pair in pairs.items()}
        valid = {name: torch.cat([batch.image_valid[one] for one in pair], 1) for name, pair in pairs.items()}
        return self.world.encode(replace(batch, images=images, image_valid=valid))
