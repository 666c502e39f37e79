import math

import numpy as np
import pytest

from praxia.core.errors import PraxiaError
from praxia.core.types import ChunkExecution, Decision
from praxia.rollout.ensemble import ensemble


def decision(first: float, length: int = 3, invalid: int | None = None) -> Decision:
    """Predicts (first + k, 10 first) k steps ahead; `invalid` is a k that does not count."""
    ahead = np.arange(length, dtype=np.float32)
    chunk = np.stack([first + ahead, np.full(length, 10 * first)], axis=1).astype(np.float32)
    return Decision(chunk, ahead != invalid)


def by_hand(predictions: list[float], rate: float) -> float:
    weights = [math.exp(-rate * i) for i in range(len(predictions))]
    return sum(weight * one for weight, one in zip(weights, predictions, strict=True)) / sum(weights)


@pytest.mark.parametrize("rate", [0.01, 0.0, 0.7, -0.7])
def test_weights_depend_on_age_and_are_equal_for_all_dims(rate):
    decisions = [(4, decision(0.3)), (5, decision(0.7)), (6, decision(-1.1))]
    (mean,) = ensemble(decisions, 6, rate)
    expected = [by_hand([2.3, 1.7, -1.1], rate), by_hand([3.0, 7.0, -11.0], rate)]
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    assert mean.dtype == np.float32


def test_above_zero_the_oldest_has_the_largest_weight():
    (mean,) = ensemble([(0, decision(0.0)), (1, decision(1.0))], 1, 0.5)
    assert mean[1] < 5


def test_a_chunk_that_has_run_out_does_not_count():
    decisions = [(0, decision(100.0, length=2)), (2, decision(0.5, length=1)), (1, decision(0.3))]
    np.testing.assert_allclose(ensemble(decisions, 2, 0.5)[0, 0], by_hand([0.5, 1.3], 0.5), rtol=1e-6)


def test_an_invalid_prediction_does_not_count_and_has_no_rank():
    decisions = [(0, decision(0.2)), (1, decision(9.0, invalid=1)), (2, decision(0.6))]
    np.testing.assert_allclose(ensemble(decisions, 2, 0.5)[0, 0], by_hand([2.2, 0.6], 0.5), rtol=1e-6)
    assert ensemble([(0, decision(1.0, invalid=0))], 0, 0.5).shape == (0, 2)


@pytest.mark.parametrize("rate", [1e6, -1e6])
def test_no_rate_overflows(rate):
    decisions = [(0, decision(0.0)), (1, decision(1.0))]
    assert ensemble(decisions, 1, rate)[0, 1] == (0 if rate > 0 else 10)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("rate", [0.01, 1e6])
def test_a_prediction_that_is_not_finite_makes_the_mean_so_whatever_its_weight(bad, rate):
    broken = decision(1.0)
    broken.chunk[0, 0] = bad
    (mean,) = ensemble([(0, decision(0.0)), (1, broken)], 1, rate)
    assert not np.isfinite(mean[0])
    assert np.isfinite(mean[1])


def test_ensembling_needs_an_execution_horizon_of_one_and_a_finite_rate():
    assert ChunkExecution(1, 0.01).ensemble == 0.01
    with pytest.raises(PraxiaError, match="got 4"):
        ChunkExecution(4, 0.01)
    with pytest.raises(PraxiaError, match=r"finite rate m .* got nan"):
        ChunkExecution(1, math.nan)
