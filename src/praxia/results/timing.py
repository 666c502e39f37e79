"""How fast two policies succeed, in the episodes in which they succeed."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from praxia.results.rows import Row

__all__ = ["time_to_success"]

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def time_to_success(a: Iterable[Row], b: Iterable[Row]) -> dict[str, Any]:
    """`{a: STEPS, b: STEPS, ks: {statistic, p_value}}` of the successes of two policies.

    STEPS is `{successes, q10, q25, q50, q75, q90}` with quantiles of the steps to success. A quantile is None where the
    successes are too few: q10 and q90 take ten, q25 and q75 four, the median one. `ks` is the two-sample
    Kolmogorov-Smirnov test of equal distributions, and None where one policy never succeeded. The test assumes
    independent samples, but successes from one start are alike, and each policy's come from the starts that it masters:
    it describes the result and is no second verdict.
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
