"""What policies do about a delay, as one table: how each remedy changes training, and how it changes use."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from praxia.core.errors import MismatchError
from praxia.core.types import Sampling
from praxia.heads.real_time import RealTimeConfig
from praxia.policies.correction import Corrected
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import TrainRun

__all__ = ["REMEDIES", "Remedy"]

# ACT's rate of temporal ensembling (Zhao et al. 2023).
ENSEMBLE = 0.01


# A correction is trained at every so many steps of a chunk.
CORRECTED_EVERY = 4


def _unchanged(run: TrainRun, delay: int) -> TrainRun:
    return run


def _with_prefix(run: TrainRun, delay: int) -> TrainRun:
    model = _encoder_head(run, "a trained prefix")
    if not isinstance(model.head, RealTimeConfig):
        raise MismatchError(f"expected head 'flow' or 'diffusion' for a trained prefix, got {model.head.tag!r}")
    return replace(run, model=replace(model, head=replace(model.head, trained_delay=delay)))


def _rolled_forward(run: TrainRun, delay: int) -> TrainRun:
    return replace(run, model=replace(_encoder_head(run, "a state rolled forward"), roll_forward=delay))


def _corrected(run: TrainRun, delay: int) -> TrainRun:
    model = _encoder_head(run, "a correction")
    offsets = tuple(range(CORRECTED_EVERY, run.window.horizon, CORRECTED_EVERY)) or (1,)
    targets = dict.fromkeys(run.window.observation_steps, offsets)
    corrected = Corrected(model, model.encoder, offsets)
    return replace(run, model=corrected, window=replace(run.window, targets=targets))


def _encoder_head(run: TrainRun, remedy: str) -> EncoderHead:
    if not isinstance(run.model, EncoderHead):
        raise MismatchError(f"expected a model of encoder and head for {remedy}, got {run.model.tag!r}")
    return run.model


@dataclass(frozen=True)
class Remedy:
    """`prepare(run, delay)` is the run that trains for delays up to `delay` control steps.

    The policy is then used with `sampling` (`praxia eval --guidance`), and with `ensemble` in its chunk execution.
    Remedies of which `trains` is False use the policy of the naive switch.

    Raises:
        MismatchError: by `prepare`, for a run whose model cannot have the remedy.
    """

    name: str
    prepare: Callable[[TrainRun, int], TrainRun] = _unchanged
    sampling: Sampling = field(default_factory=Sampling)
    ensemble: float | None = None

    @property
    def trains(self) -> bool:
        """Whether it has a policy of its own."""
        return self.prepare is not _unchanged


REMEDIES = {
    one.name: one
    for one in (
        Remedy("naive"),
        Remedy("ensembling", ensemble=ENSEMBLE),
        Remedy("trained-prefix", prepare=_with_prefix),
        Remedy("rtc", sampling=Sampling(guidance="vjp")),
        Remedy("rtc-identity", sampling=Sampling(guidance="identity")),
        Remedy("rolled-forward", prepare=_rolled_forward),
        Remedy("corrected", prepare=_corrected),
    )
}
