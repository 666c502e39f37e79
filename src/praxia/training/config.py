"""The configuration of a training run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from praxia.core.config import ADDED, Config
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.window import Window
from praxia.nn.trainable import ModelConfig
from praxia.policies.interface import MakesPolicy
from praxia.training.augmentation import Augmentation
from praxia.transforms.normalise import Normalisation
from praxia.transforms.relative import RelativeActions, find_relative_actions
from praxia.worlds.interface import MakesWorld

__all__ = ["Train", "TrainRun", "warmup_cosine"]


@dataclass(frozen=True)
class Train(Config):
    """The optimisation: AdamW with warm-up and cosine decay, gradient clipping, an average of weights.

    Images are shifted before their `augmentation`. A state is saved every `checkpoint_s` seconds, or less often where
    that would take over a fiftieth of the time or the disk is slower (`training.saving`). A run resumed with more
    `steps` is lengthened: from there on its learning rate is that of the new length, which is higher than it was. With
    VQA data, each step adds `answer_weight` times the loss of `num_vqa` answers. With held-out episodes, the averaged
    weights are validated at the end, too.
    """

    tag: ClassVar[str] = "train"
    steps: int = 4000
    """Optimisation steps. With --resume, more than before lengthen the run."""
    batch_size: int = 128
    """Windows per step, of all processes together."""
    learning_rate: float = 1e-3
    """Learning rate after the warm-up, from which it decays by a cosine."""
    backbone_learning_rate: float | None = None
    """Learning rate of the vision or public model, with the same schedule; by default that of everything."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from 0."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; a larger one is scaled to it."""
    ema_decay: float = 0.999
    """Decay of the average of weights, which becomes the policy; 0: the last weights."""
    shift_px: int = 3
    """Largest random shift of the images in pixels; 0: none."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    num_vqa: int = 16
    """With --vqa: questions per step."""
    answer_weight: float = 1.0
    """With --vqa: weight of the loss of the answers."""
    seed: int = 0
    """Seed of the weights, the order of the data, noise and augmentation."""
    checkpoint_s: float = 30.0
    """Seconds between saved states, at least: a kill loses so much work."""
    log_every: int = 50
    """Steps between two lines of metrics.jsonl."""
    validate_every: int | None = None
    """With --hold-out: steps between validations. Default: a tenth of the run."""
    keep_every: int | None = None
    """Steps between policies that are kept. Default: only the last and the best."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Precision of the arithmetic; auto: bf16-mixed on a GPU that has it."""
    tracker: Literal["tensorboard", "wandb"] = "tensorboard"
    """Where metrics are shown, beside metrics.jsonl."""
    betas: tuple[float, float] = field(default=(0.9, 0.95), metadata=ADDED)
    """AdamW's decay of the means of gradients and of their squares."""
    final_rate: float = field(default=0.1, metadata=ADDED)
    """Share of the learning rate that is left at the last step."""
    decay_norms: bool = field(default=True, metadata=ADDED)
    """Weight decay of norms and biases, too."""
    accumulate: int = field(default=1, metadata=ADDED)
    """Parts of equal size that a batch is computed in, one after the other, to take less memory: the same step, up to
    rounding, unless there is dropout."""
    activation_checkpointing: bool = field(default=False, metadata=ADDED)
    """Keep the inputs of the model's blocks alone, and compute the rest again in the backward pass: the same gradients
    with less memory, for about a third more time."""
    compile: bool = field(default=False, metadata=ADDED)
    """Compile the model's blocks by torch when they are first used: faster steps after minutes, the same up to
    rounding. Needs a C++ compiler."""
    strategy: Literal["ddp", "fsdp"] = field(default="ddp", metadata=ADDED)
    """What several processes share: ddp, the batch; fsdp, also weights, their average and the optimiser's state."""


@dataclass(frozen=True)
class TrainRun(Config):
    """A full run: the model, the window it sees, how it is trained, and which episodes it learns from.

    With `relative`, positions in a chunk are learned relative to the state when it begins (`transforms.relative`), each
    action field to the state field of its name, or to the one that `relative_to` gives it. `hold_out` is the share of
    each data set's episodes, or the name of their split, that is not trained on, nor counted in what is fitted
    (`training.hold_out`).

    Images that are larger than a square of `image_size` pixels are letterboxed into it when they are read; None: they
    are as in the data. Smaller ones are not enlarged.
    """

    tag: ClassVar[str] = "train-run"
    model: ModelConfig
    window: Window
    train: Train
    only_success: bool = True
    """Leave out episodes that are known to have failed."""
    relative: bool = False
    """Learn positions relative to the state at the start of the chunk."""
    relative_to: Mapping[str, str] = field(default_factory=dict)
    """State field per action field, where names differ: --relative-to ACTION STATE."""
    image_size: int | None = None
    """Letterbox larger images into a square of this many pixels when they are read."""
    horizon_s: float | None = None
    """Seconds that a chunk lasts, at the rate of the data, in place of --window.horizon in steps."""
    hold_out: float | str = 0.0
    """Share of the episodes that is neither trained on nor counted in what is fitted; or the name of a split of the
    data set, such as val: `praxia data info` prints them."""
    normalisation: Normalisation = field(default="quantiles", metadata=ADDED)
    """What of states and actions becomes [-1, 1]: 1% to 99% of the data, all of them, or one standard deviation."""

    def with_cameras(self, names: Sequence[str], recipe: str) -> "TrainRun":
        """The run of a recipe for any data, which sees the cameras `names` in that order in place of every camera.

        Raises:
            PraxiaError: the recipe has cameras of its own, or a name is empty or occurs twice.
        """
        if not self.window.sees_every_camera:
            raise PraxiaError(
                f"{recipe} has cameras of its own ({', '.join(self.window.cameras) or 'none'}) and takes no --cameras; "
                "choose a recipe for any data, such as act or flow"
            )
        if "" in names or len(set(names)) < len(names):
            raise PraxiaError(f"expected --cameras NAME[,NAME...], each name once, got {','.join(names)!r}")
        return replace(self, window=self.window.with_cameras(names))

    def relative_actions(self, embodiments: Sequence[Embodiment]) -> tuple[RelativeActions | None, ...]:
        """The relative action dims of each embodiment; None: its actions are absolute.

        Raises:
            MismatchError: no action can be, the window does not end with the present state, it is of sequences, or the
                model is a world and no policy.
            PraxiaError: `relative_to` without `relative`.
        """
        if not self.relative:
            if self.relative_to:
                raise PraxiaError("expected --relative beside --relative-to, got none: actions would stay absolute")
            return (None,) * len(embodiments)
        if isinstance(self.model, MakesWorld) and not isinstance(self.model, MakesPolicy):
            raise MismatchError(
                f"a world imagines what actions in declared units lead to, and {self.model.tag!r} learns from absolute"
                " ones; leave out --relative"
            )
        if self.window.observation_steps.get("state", ())[-1:] != (0,):
            raise MismatchError(
                f"relative actions need a window whose last state is the present (0), got"
                f" {self.window.observation_steps.get('state', ())}; leave out --relative or choose another recipe"
            )
        if self.window.sequence_length is not None:
            raise MismatchError("expected absolute actions in sequences, whose every step has a state of its own")
        return find_relative_actions(embodiments, self.relative_to)


def warmup_cosine(step: int, peak: float, warmup_steps: int, total_steps: int, final: float = 0.1) -> float:
    """Linear from 0 to `peak` over the warm-up, then half a cosine down to `final` of it at `total_steps`."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return peak * (final + (1 - final) / 2 * (1 + math.cos(math.pi * min(progress, 1.0))))
