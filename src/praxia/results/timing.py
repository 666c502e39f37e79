"""How fast two policies succeed, where they do."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from praxia.results.rows import Row

__all__ = ["time_to_success"]

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def time_to_success(a: Iterable[Row], b: Iterable[Row]) -> dict[str, Any]:
    """`{a: STEPS, b: STEPS, ks: {statistic, p_value}}` of the successes of two policies.

    STEPS is `{successes, q10, q25, q50, q75, q90}`, quantiles of the steps to success; None where there are too few to
    have one: a tenth takes ten successes, a quarter four, the median one. The two-sample
    Kolmogorov-Smirnov test asks whether both distributions are the same; None where one policy never succeeded. It
    takes the samples for independent, while successes from one start are alike, and each policy's are from starts that
    it masters: a description beside the verdict, not a second one.
    """
    ours, theirs = _steps(a), _steps(b)
    ks = None
    if ours and theirs:
        found: Any = ks_2samp(ours, theirs)
        ks = {"statistic": float(found.statistic), "p_value": float(found.pvalue)}
    return {"a": _quantiles(ours), "b": _quantiles(theirs), "ks": ks}


def _steps(rows: Iterable[Row]) -> list[int]:
    return [row.success_step for row in rows if row.status == "success" and row.success_step is not None]


def _quantiles(steps: Sequence[int]) -> dict[str, Any]:
    enough = {at: len(steps) >= (1 if at == 0.5 else 1 / min(at, 1 - at) - 1e-9) for at in _QUANTILES}
    values = [float(np.quantile(steps, at)) if enough[at] else None for at in _QUANTILES]
    names = [f"q{round(100 * at)}" for at in _QUANTILES]
    return {"successes": len(steps), **dict(zip(names, values, strict=True))}
