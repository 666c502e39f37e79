"""ACT's temporal ensembling: the average of what was predicted for one step at different steps."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64

from praxia.core.types import Decision

__all__ = ["ensemble", "ensemble_weights"]


def ensemble_weights(count: int, rate: float) -> Float64[np.ndarray, " N"]:
    """The weights of `count` predictions for one step, the oldest first, up to their sum."""
    exponents = -rate * np.arange(count)
    # The largest weight is 1, so that no rate overflows.
    return np.exp(exponents - exponents.max())


def ensemble(decisions: Sequence[tuple[int, Decision]], step: int, rate: float) -> Float32[np.ndarray, "K A"]:
    """The mean of all valid predictions for `step`, in declared units: K = 1, or K = 0 if there is none.

    `decisions` holds at least one decision, each with the step at which it was made, oldest first. Of the N valid
    predictions number i, 0 being the oldest, has the weight exp(-rate * i) / sum_j exp(-rate * j): with a rate above 0
    the oldest has the largest. One prediction that is not finite makes the mean not finite, however small its weight.

    Source: Zhao et al. 2023 (arXiv 2304.13705), algorithm 2, and `imitate_episodes.py` of tonyzhaozh/act. As there,
    every dim is averaged, grippers and discrete ones too: between open and closed there may be a few half-open steps.
    Deviation: theirs averages normalised actions, which gives the same, since normalisation is linear.
    """
    by_age = [(step - made_at, decision) for made_at, decision in decisions if step - made_at < len(decision.valid)]
    predictions = [decision.chunk[age] for age, decision in by_age if decision.valid[age]]
    if not predictions:
        return decisions[-1][1].chunk[:0]
    weights = ensemble_weights(len(predictions), rate)
    with np.errstate(invalid="ignore"):
        mean = weights @ np.stack(predictions).astype(np.float64) / weights.sum()
    return mean[None].astype(np.float32)
