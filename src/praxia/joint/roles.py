"""What a joint model is used as: a policy, forward and inverse dynamics, a model of video. Nothing here has weights.

Axes: B rows, H actions, A action dims, K later frames, N tokens of a frame, D width of a latent, M present frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.types import Query
from praxia.core.window import Samples, Window
from praxia.joint.interface import ACTION, FUTURE, JointModel
from praxia.nn.queries import stack_queries, to_batch
from praxia.nn.types import Batch, Context, Encoder, Head
from praxia.nn.world import Imagined, WorldState
from praxia.policies.encoder_head import EncoderHeadPolicy
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.transforms.chain import Transforms
from praxia.worlds.latent import NormalisedActions

__all__ = ["JointRoles", "JointWorld", "JointWorldState", "policy_of"]


def policy_of(
    model: JointModel, transforms: Transforms, embodiments: tuple[Embodiment, ...], window: Window, *, masked: bool
) -> EncoderHeadPolicy:
    """The model as a policy: actions wanted, frames absent."""
    return EncoderHeadPolicy(
        EncoderHeadModel(PresentEncoder(model), ActionHead(model)), transforms, embodiments, window, masked=masked
    )


class PresentEncoder(Encoder):
    """The latents of the present frames as a context, one token after the other."""

    provides = frozenset[str]()

    def __init__(self, model: JointModel):
        super().__init__()
        self.model = model
        self.width = model.latent_width

    def forward(self, batch: Batch) -> Context:
        tokens = self.model.present(batch).flatten(1, 2)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return Context(tokens, mask, {})


class ActionHead(Head):
    """A joint model's actions as a head. Requires the context of its `PresentEncoder`."""

    requires = frozenset[str]()

    def __init__(self, model: JointModel):
        super().__init__()
        self.model = model
        self.noise_shape = (model.shapes.horizon, model.shapes.action_dim)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """That of the model, of all its roles."""
        return self.model.loss(batch, generator)

    def num_valid(self, batch: Batch) -> Int[Tensor, "*M"]:
        """That of the model."""
        return self.model.num_valid(batch)

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """Actions as if nobody had asked what follows them."""
        present = context.tokens.unflatten(1, (len(self.model.shapes.cameras), -1))
        return self.model.sample(present, {}, {ACTION: noise})[ACTION]


class JointRoles:
    """A trained model in each of its roles, on windows as training reads them: images, and what is given.

    Noise depends on the `keys` alone, one for each row; actions are in declared units. What is given counts in full, so
    it must lie within the episode.

    Raises:
        MismatchError: relative actions.
    """

    def __init__(self, model: JointModel, transforms: Transforms, embodiment: Embodiment):
        if transforms.embodiments[0].relative is not None:
            raise MismatchError("a joint model is of absolute actions, got one trained on relative actions")
        self.model = model.eval()
        self.embodiment = embodiment
        self._transforms = transforms
        self.device = next(model.parameters()).device

    def policy(self, samples: Samples, keys: Sequence[str]) -> Float32[np.ndarray, "B H A"]:
        """Actions, frames absent."""
        return self._actions(self._sample(samples, keys, given=(), want=(ACTION,)))

    def inverse(self, samples: Samples, keys: Sequence[str]) -> Float32[np.ndarray, "B H A"]:
        """The actions between the present and the later frames of `samples`, which are given."""
        return self._actions(self._sample(samples, keys, given=(FUTURE,), want=(ACTION,)))

    def forward(self, samples: Samples, keys: Sequence[str]) -> Float32[np.ndarray, "B K N D"]:
        """What the actions of `samples` lead to."""
        return self._latents(self._sample(samples, keys, given=(ACTION,), want=(FUTURE,)))

    def video(self, samples: Samples, keys: Sequence[str]) -> Float32[np.ndarray, "B K N D"]:
        """What follows, actions absent."""
        return self._latents(self._sample(samples, keys, given=(), want=(FUTURE,)))

    def both(
        self, samples: Samples, keys: Sequence[str]
    ) -> tuple[Float32[np.ndarray, "B H A"], Float32[np.ndarray, "B K N D"]]:
        """Actions and what follows them, sampled together."""
        found = self._sample(samples, keys, given=(), want=(ACTION, FUTURE))
        return self._actions(found), self._latents(found)

    @torch.no_grad()
    def latents(self, samples: Samples) -> tuple[Float32[np.ndarray, "B 1 N D"], Float32[np.ndarray, "B K N D"]]:
        """Of the predicted camera's present frame, and of the later ones, as they were."""
        batch = to_batch(self._transforms.encode(samples), self._transforms).to(self.device)
        present, future = self.model.present(batch)[:, :1], self.model.future(batch)
        return present.float().cpu().numpy(), future.float().cpu().numpy()

    @torch.no_grad()
    def _sample(
        self, samples: Samples, keys: Sequence[str], *, given: Sequence[str], want: Sequence[str]
    ) -> dict[str, Tensor]:
        batch = to_batch(self._transforms.encode(samples), self._transforms).to(self.device)
        present = self.model.present(batch)
        known = {ACTION: lambda: batch.action, FUTURE: lambda: self.model.future(batch)}
        shapes = self.model.shapes
        sizes = {
            ACTION: (shapes.horizon, shapes.action_dim),
            FUTURE: (shapes.horizon // self.model.stride, *present.shape[2:]),
        }
        noise = {name: _noise([(key, 0) for key in keys], sizes[name], name).to(self.device) for name in want}
        return self.model.sample(present, {name: known[name]() for name in given}, noise)

    def _actions(self, found: dict[str, Tensor]) -> Float32[np.ndarray, "B H A"]:
        return self._transforms.decode(found[ACTION].float().cpu().numpy(), 0)

    def _latents(self, found: dict[str, Tensor]) -> Float32[np.ndarray, "B K N D"]:
        return found[FUTURE].float().cpu().numpy()


@dataclass(frozen=True)
class JointWorldState:
    """The latents of the present frames, and the key and the step of each row, on which its noise depends."""

    present: Float[Tensor, "B M N D"]
    keys: tuple[tuple[str, int], ...]

    @property
    def latent(self) -> Float[Tensor, "B N D"]:
        """Of the predicted camera."""
        return self.present[:, 0]

    def rows(self, index: Int[Tensor, " R"]) -> "JointWorldState":
        """Some rows, in the order of `index`."""
        return JointWorldState(self.present[index], tuple(self.keys[row] for row in index.tolist()))


class JointWorld:
    """A trained model as forward dynamics. Satisfies `nn.world.World`.

    Its stride is the model's whole chunk: the last frame that a chunk leads to is the next present. What other cameras
    show, such as a goal, stays as it was. What is imagined is one sample, whose noise depends on the query and on how
    far it is ahead.

    Raises:
        MismatchError: relative actions.
    """

    def __init__(self, model: JointModel, transforms: Transforms, embodiments: tuple[Embodiment, ...], window: Window):
        (self.embodiment,) = embodiments
        if transforms.embodiments[0].relative is not None:
            raise MismatchError("a joint model is of absolute actions, got one trained on relative actions")
        self.model = model
        self.stride = window.horizon
        self.window = Window({f"image.{camera}": (0,) for camera in window.cameras}, window.horizon)
        self._transforms = transforms
        self.device = next(model.parameters()).device
        self._normalised = NormalisedActions(transforms, self.stride, self.device)

    @torch.no_grad()
    def start(self, queries: Sequence[Query]) -> JointWorldState:
        """See `World.start`."""
        samples = stack_queries(queries, self.window, 0)
        batch = to_batch(self._transforms.encode(samples), self._transforms).to(self.device)
        return JointWorldState(self.model.present(batch), tuple((query.key, query.step) for query in queries))

    def imagine(self, state: WorldState, actions: Float[Tensor, "B H A"]) -> Imagined:
        """See `World.imagine`.

        Raises:
            MismatchError: no multiple of `stride` actions.
        """
        assert isinstance(state, JointWorldState), type(state)
        found = []
        for chunk in self._normalised(actions).split(self.stride, dim=1):
            shape = (self.stride // self.model.stride, *state.present.shape[2:])
            noise = _noise(state.keys, shape, FUTURE).to(self.device)
            future = self.model.sample(state.present, {ACTION: chunk}, {FUTURE: noise})[FUTURE]
            found.append(future[:, -1])
            present = torch.cat([future[:, -1:], state.present[:, 1:]], dim=1)
            state = JointWorldState(present, tuple((key, step + self.stride) for key, step in state.keys))
        return Imagined(torch.stack(found, dim=1), state)


def _noise(keys: Sequence[tuple[str, int]], shape: Sequence[int], modality: str) -> Float32[Tensor, "B ..."]:
    """Standard normal numbers of `shape` for each (key, step)."""
    drawn = [generator("joint", modality, key, step).standard_normal(shape, dtype=np.float32) for key, step in keys]
    return torch.from_numpy(np.stack(drawn))
