"""What one training run is, as a value."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from praxia.core.config import Part
from praxia.core.types import Window
from praxia.policies.composed import Composed

__all__ = ["Train", "TrainRun"]


@dataclass(frozen=True)
class Train(Part):
    """The optimisation: AdamW with warm-up and cosine decay to a tenth, gradient clipping, an average of weights.

    `shift_px` is the random shift of the pictures. `checkpoint_s` bounds the work that a kill loses. Where questions
    are asked beside, each step asks `num_questions` and adds `answer_weight` times their loss.
    """

    tag: ClassVar[str] = "train"
    steps: int = 4000
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    shift_px: int = 3
    num_questions: int = 16
    answer_weight: float = 1.0
    seed: int = 0
    checkpoint_s: float = 30.0
    log_every: int = 50
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    tracker: Literal["tensorboard", "wandb"] = "tensorboard"


@dataclass(frozen=True)
class TrainRun(Part):
    """A full run: the model, the window it sees, how it is trained, and which episodes it learns from."""

    tag: ClassVar[str] = "train-run"
    model: Composed
    window: Window
    train: Train
    only_success: bool = True
