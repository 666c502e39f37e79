"""An encoder and a head put together: what is trained, and what decides."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import Decision, Observation, Query, Samples, Sampling, Window
from praxia.nn.types import Batch, Pretrained, Shapes
from praxia.transforms.chain import Transforms
from praxia.transforms.prompt_tokenizer import PromptTokenizer

__all__ = ["EncoderHead", "EncoderHeadModel", "EncoderHeadPolicy", "OpaqueBatch", "to_batch"]


@dataclass(frozen=True)
class EncoderHead(Config):
    """A model as a value: any encoder with any head that needs no more than the encoder gives.

    A head's class says with `sampling`, {option: its own field}, which options of `Sampling` it has.
    """

    tag: ClassVar[str] = "encoder-head"
    encoder: Config
    head: Config

    @property
    def sampling(self) -> Sampling:
        """The options that its head has, as they are."""
        return Sampling(**{option: getattr(self.head, field) for option, field in self._options.items()})

    def sampled(self, sampling: Sampling) -> "EncoderHead":
        """The same network, sampled as `sampling` says; what that leaves open stays its own.

        Raises:
            PraxiaError: an option that the head does not have, or a value that it does not take.
        """
        asked, options = sampling.to_json(), self._options
        if missing := [option for option in asked if option not in options]:
            has = " and ".join(f"--{option}" for option in options) or "no option of sampling"
            raise PraxiaError(f"expected a policy with --{missing[0]}, got head {self.head.tag!r}, which has {has}")
        changes = {options[option]: value for option, value in asked.items()}
        return replace(self, head=replace(self.head, **changes))  # pyright: ignore[reportArgumentType]

    def resampled(self, sampling: Sampling) -> Sampling:
        """What of `sampling` is not its own already.

        Raises as `sampled` does.
        """
        own, new = self.sampling, self.sampled(sampling).sampling
        return Sampling(**{name: value for name, value in new.to_json().items() if getattr(own, name) != value})

    @property
    def _options(self) -> Mapping[str, str]:
        return getattr(self.head, "sampling", {})

    def words(self, num_images: int) -> PromptTokenizer | None:
        """The words that the encoder's public model knows, for windows of so many images; None: the data's own."""
        words = getattr(self.encoder, "words", None)
        return None if words is None else words(num_images)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "EncoderHead":
        """With what parts learn of the data before training: a head's code, a public model's sizes.

        `chunks` gives normalised actions of the training data.
        """
        encoder, head = (getattr(part, "fit", None) for part in (self.encoder, self.head))
        return EncoderHead(encoder() if encoder else self.encoder, head(chunks()) if head else self.head)

    @property
    def clips(self) -> Callable[[Float32[np.ndarray, "B H A"]], Bool[np.ndarray, "B H A"]] | None:
        """Says which entries of normalised chunks the head can only say by clipping (of FAST: which coefficients).

        None: it clips nothing.
        """
        return getattr(self.head, "clips", None)

    def refitted_as(self, other: "EncoderHead", chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "EncoderHead":
        """As `fitted_as`, but with the head's code fitted anew on `chunks`."""
        fit = getattr(self.head, "fit", None)
        kept = self.fitted_as(other)
        return EncoderHead(kept.encoder, fit(chunks())) if fit else kept

    def unfitted(self) -> "EncoderHead":
        """As it was before `fit`."""

        def before(part: Config) -> Config:
            if hasattr(part, "unfitted"):
                return part.unfitted()  # pyright: ignore[reportAttributeAccessIssue]
            return replace(part, fitted=None) if hasattr(part, "fitted") else part  # pyright: ignore[reportCallIssue]

        return EncoderHead(before(self.encoder), before(self.head))

    def fitted_as(self, other: "EncoderHead") -> "EncoderHead":
        """With what `other`, the same network, learned of its data before training."""

        def after(part: Config, its: Config) -> Config:
            return replace(part, fitted=its.fitted) if hasattr(part, "fitted") else part  # pyright: ignore

        return EncoderHead(after(self.encoder, other.encoder), after(self.head, other.head))

    def build(self, shapes: Shapes) -> "EncoderHeadModel":
        """The network with fresh weights.

        Raises:
            MismatchError: naming both parts, when the head needs what the encoder does not give.
        """
        encoder = self.encoder.build(shapes)  # pyright: ignore[reportAttributeAccessIssue]
        head = self.head.build(shapes, encoder.width)  # pyright: ignore[reportAttributeAccessIssue]
        if missing := head.needs - encoder.gives:
            raise MismatchError(
                f"head {self.head.tag!r} needs {sorted(missing)}, but encoder {self.encoder.tag!r} gives "
                f"{sorted(encoder.gives)}; choose another pair"
            )
        return EncoderHeadModel(encoder, head)


class EncoderHeadModel(nn.Module):
    """See `EncoderHead`. Satisfies `Trainable`."""

    def __init__(self, encoder: nn.Module, head: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Take over `weights`, or (None) the public ones that the encoder names, and freeze or adapt what it says."""
        public = self.encoder if isinstance(self.encoder, Pretrained) else None
        if weights is not None:
            self.load_state_dict(dict(weights))
        elif public is not None:
            public.load()
        if public is not None:
            public.adapt()

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """`weights`, in the names of before training: adapters merged. The model is theirs afterwards."""
        if not isinstance(self.encoder, Pretrained):
            return weights
        self.load_state_dict(dict(weights))
        self.encoder.merge()
        return self.state_dict()

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A scalar and its metrics; all randomness comes from `generator`. Questions ask the language model alone."""
        if batch.answer is not None:
            return self.encoder.answer_loss(batch)  # pyright: ignore[reportCallIssue]
        return self.head.loss(self.encoder(batch), batch, generator)  # pyright: ignore[reportCallIssue]

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """Normalised action chunks, padded to the largest embodiment's dims."""
        return self.head.sample(self.encoder(batch), noise, batch.embodiment)  # pyright: ignore[reportCallIssue]

    def forward(self, held: "OpaqueBatch", generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """`loss`, for wrappers of modules that hook this (DDP, Fabric's precision): training goes through it."""
        return self.loss(held.batch, generator)


class OpaqueBatch:
    """A batch that Fabric passes on as it is: it would take a dataclass apart to convert it, and refuses frozen ones.

    Autocast converts what layers need, where they need it.
    """

    def __init__(self, batch: Batch):
        self.batch = batch


class EncoderHeadPolicy:
    """A trained model with its transforms: satisfies `core.types.Policy`.

    Holds weights only; the carry is empty because the model sees its whole window in the query. Noise is drawn on
    the CPU, keyed by (episode, step), so it does not depend on who else is in the batch.

    `embodiments` are the embodiments it was trained on. Of several, `bind` says for which one it decides; `window` is then
    without cameras that this one did not have in training, which the network sees black and not valid, as it did there.
    `masked` False: it was trained to take all images and states for valid, and does so here.
    """

    privileged = False

    def __init__(
        self,
        model: EncoderHeadModel,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool = True,
    ):
        self.model = model.eval()
        self.transforms = transforms
        self.embodiments = embodiments
        self.window = window
        self.masked = masked
        self._seen = window
        self.device = next(model.parameters()).device
        # The embodiment it decides for, and whose weights and normalisers it uses for it.
        self._bound = (embodiments[0], 0) if len(embodiments) == 1 else None

    @property
    def embodiment(self) -> Embodiment:
        """The embodiment it decides for.

        Raises:
            MismatchError: it was trained on several and is not bound to one.
        """
        return self._binding()[0]

    def bind(self, embodiment: Embodiment, name: str | None = None) -> "EncoderHeadPolicy":
        """The same weights deciding for `embodiment` as for the trained embodiment `name`; None: that of the embodiment's own name.

        Whether the two have the same fields, rate and images is for the caller to judge (`evaluate.fit`).

        Raises:
            UnknownName: no embodiment of that name was trained.
        """
        trained = [one.name for one in self.embodiments]
        name = embodiment.name if name is None else name
        if name not in trained:
            raise UnknownName("embodiment of this policy", name, trained, "praxia info POLICY")
        bound = copy(self)
        bound._bound = (embodiment, trained.index(name))
        bound.window = self._seen.of(self.embodiments[trained.index(name)])
        return bound

    def _binding(self) -> tuple[Embodiment, int]:
        if self._bound is None:
            names = ", ".join(repr(one.name) for one in self.embodiments)
            raise MismatchError(f"the policy was trained on several embodiments ({names}); bind it to one of them")
        return self._bound

    def start(self, num_rows: int) -> None:
        return None

    @torch.inference_mode()
    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        _, embodiment = self._binding()
        samples = stack_queries(queries, self.window, embodiment)
        samples = self.transforms.encode(fill_missing_cameras(samples, self._seen, self.embodiments))
        batch = to_batch(samples, self.transforms).to(self.device)
        batch = batch if self.masked else batch.unmasked()
        noise = np.stack([self._noise(query) for query in queries])
        actions = self.model.sample(batch, torch.from_numpy(noise).to(self.device))
        present = np.stack([query.history[-1].state for query in queries])
        chunks = self.transforms.decode(actions.float().cpu().numpy(), embodiment, present)
        valid = np.ones(self.window.horizon, dtype=bool)
        return [Decision(chunk, valid) for chunk in chunks], None

    def _noise(self, query: Query) -> Float32[np.ndarray, "..."]:
        shape = self.model.head.noise_shape
        return generator("policy", query.key, query.step).standard_normal(shape, dtype=np.float32)  # pyright: ignore


def stack_queries(queries: Sequence[Query], window: Window, embodiment: int) -> Samples:
    """Queries as a batch of windows of the embodiment numbered `embodiment`.

    A history shorter than the window repeats its oldest moment, not valid.
    """

    def observation_steps(query: Query, offsets: tuple[int, ...]) -> tuple[list[Observation], list[bool]]:
        last = len(query.history) - 1
        return [query.history[max(last + at, 0)] for at in offsets], [last + at >= 0 for at in offsets]

    images, image_valid = {}, {}
    for camera in window.cameras:
        chosen = [observation_steps(query, window.observation_steps[f"image.{camera}"]) for query in queries]
        images[camera] = np.stack([np.stack([seen.images[camera] for seen in row]) for row, _ in chosen])
        image_valid[camera] = np.array([valid for _, valid in chosen])
    chosen = [observation_steps(query, window.observation_steps["state"]) for query in queries]
    return Samples(
        images=images,
        image_valid=image_valid,
        state=np.stack([np.stack([seen.state for seen in row]) for row, _ in chosen]),
        state_valid=np.array([valid for _, valid in chosen]),
        instruction=tuple(query.history[-1].instruction for query in queries),
        embodiment=np.full(len(queries), embodiment, dtype=np.int64),
        action=None,
        action_valid=None,
    )


def fill_missing_cameras(samples: Samples, window: Window, embodiments: Sequence[Embodiment]) -> Samples:
    """With black images, not valid, of the window's cameras that are lacking, as large as those of `embodiments`."""
    sizes = {camera.name: (camera.height, camera.width) for embodiment in embodiments for camera in embodiment.cameras}
    images, image_valid = {}, {}
    for camera in window.cameras:
        if camera in samples.images:
            images[camera], image_valid[camera] = samples.images[camera], samples.image_valid[camera]
        else:
            shape = (len(samples.state), len(window.observation_steps[f"image.{camera}"]))
            images[camera] = np.zeros((*shape, *sizes[camera], 3), dtype=np.uint8)
            image_valid[camera] = np.zeros(shape, dtype=bool)
    return replace(samples, images=images, image_valid=image_valid)


def to_batch(samples: Samples, transforms: Transforms) -> Batch:
    """Encoded samples as CPU tensors; images keep their memory, seen as channels first."""
    text, text_valid = transforms.text(samples)
    return Batch(
        images={name: torch.from_numpy(value).permute(0, 1, 4, 2, 3) for name, value in samples.images.items()},
        image_valid={name: torch.from_numpy(value) for name, value in samples.image_valid.items()},
        state=torch.from_numpy(samples.state),
        state_valid=torch.from_numpy(samples.state_valid),
        text=torch.from_numpy(text),
        text_valid=torch.from_numpy(text_valid),
        embodiment=torch.from_numpy(samples.embodiment),
        action=None if samples.action is None else torch.from_numpy(samples.action),
        action_valid=None if samples.action_valid is None else torch.from_numpy(samples.action_valid),
    )
