"""ACT's temporal ensembling: what was predicted for one step at different moments, averaged."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Decision

__all__ = ["ensemble"]


def ensemble(decided: Sequence[tuple[int, Decision]], step: int, rate: float) -> Float32[np.ndarray, "K A"]:
    """The mean of all valid predictions for `step`, in declared units: K = 1, or K = 0 where there is none.

    `decided` holds at least one decision, each with the step at which it was made, oldest first. Of the N valid
    predictions number i, 0 the oldest, weighs exp(-rate * i) / sum_j exp(-rate * j): above 0 the oldest weighs most.
    The mean of predictions of which one is not finite is not finite either, however little it weighs.

    Source: Zhao et al. 2023 (arXiv 2304.13705), algorithm 2, and `imitate_episodes.py` of tonyzhaozh/act. As there,
    every dim is averaged, a gripper's and a discrete one's too: between open and closed there may be a few steps of
    half open. Deviation: theirs averages normalised actions, which is the same, since normalisation is linear.
    """
    told = [(step - at, decision) for at, decision in decided if step - at < len(decision.valid)]
    predictions = [decision.chunk[ahead] for ahead, decision in told if decision.valid[ahead]]
    if not predictions:
        return decided[-1][1].chunk[:0]
    exponents = -rate * np.arange(len(predictions))
    # The largest weight is 1, so that no rate overflows.
    weights = np.exp(exponents - exponents.max())
    with np.errstate(invalid="ignore"):
        mean = weights @ np.stack(predictions).astype(np.float64) / weights.sum()
    return mean[None].astype(np.float32)
