"""What policies do about a delay, as one table: how each remedy changes training, and how it changes use."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from praxia.core.errors import MismatchError
from praxia.core.types import Sampling
from praxia.heads.real_time import RealTimeConfig
from praxia.policies.encoder_head import EncoderHead

__all__ = ["REMEDIES", "Remedy"]

# ACT's rate of temporal ensembling (Zhao et al. 2023).
ENSEMBLE = 0.01


def _unchanged(model: EncoderHead, delay: int) -> EncoderHead:
    return model


def _with_prefix(model: EncoderHead, delay: int) -> EncoderHead:
    if not isinstance(model.head, RealTimeConfig):
        raise MismatchError(f"expected head 'flow' or 'diffusion' for a trained prefix, got {model.head.tag!r}")
    return replace(model, head=replace(model.head, trained_delay=delay))


def _rolled_forward(model: EncoderHead, delay: int) -> EncoderHead:
    return replace(model, roll_forward=delay)


@dataclass(frozen=True)
class Remedy:
    """`prepare(model, delay)` is the model to train for delays up to `delay` control steps.

    The policy is then used with `sampling` (`praxia eval --guidance`), and with `ensemble` in its chunk execution.
    Remedies of which `trains` is False use the policy of the naive switch.

    Raises:
        MismatchError: by `prepare`, for a model that cannot have the remedy.
    """

    name: str
    prepare: Callable[[EncoderHead, int], EncoderHead] = _unchanged
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
    )
}
