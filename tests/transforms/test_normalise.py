import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.core.errors import PraxiaError
from praxia.statistics.running import describe
from praxia.transforms.normalise import REACH, Normaliser


def fitted(*columns):
    """The normaliser of one dim of one data set each."""
    return Normaliser.from_stats(*(describe(np.asarray(one)[:, None]) for one in columns))


@settings(derandomize=True, max_examples=50, deadline=None)
@given(arrays(np.float32, (5, 2), elements=st.floats(-10, 10, width=32)))
def test_decode_undoes_encode(value):
    normaliser = Normaliser((-1.0, 0.0), (1.0, 5.0))
    np.testing.assert_allclose(normaliser.decode(normaliser.encode(value)), value, atol=1e-5)


def test_a_constant_dim_is_encoded_as_zero_and_decoded_exactly_whatever_the_network_predicts():
    normaliser = Normaliser((-1.0, 0.1), (3.0, 0.1))
    np.testing.assert_array_equal(normaliser.encode(np.float32([[-1, 0.1], [3, 7.5]])), [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(normaliser.decode(np.float32([[0, 0.3], [0, -9]]))[:, 1], np.float32([0.1, 0.1]))
    assert normaliser.constant.tolist() == [False, True]


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e-3, 1.0, 1e6])
def test_motion_is_learned_in_any_unit(unit):
    """Joint deltas at 1 kHz are of 1e-6 rad; encoder counts of millions."""
    values = (np.random.default_rng(0).normal(size=(500, 1)) * unit).astype(np.float32)
    normaliser = fitted(values[:, 0])
    assert not normaliser.constant.any()
    np.testing.assert_allclose(np.quantile(normaliser.encode(values), [0.01, 0.99]), [-1, 1], atol=1e-5)
    np.testing.assert_allclose(normaliser.decode(normaliser.encode(values)), values, rtol=1e-5, atol=unit * 1e-5)


@pytest.mark.parametrize("value", [0.0, 1e-7, -0.1, 0.7071068, 1568.6, -3e7])
def test_a_constant_with_rounding_errors_is_constant_at_any_size(value):
    noise = np.random.default_rng(0).integers(-2, 3, 300) * np.spacing(np.float32(value))
    normaliser = fitted((np.float32(value) + noise).astype(np.float32))
    assert normaliser.constant.all()
    decoded = normaliser.decode(np.float32([[0.4]]))[0, 0]
    assert abs(decoded - np.float32(value)) <= 2 * np.spacing(np.float32(abs(value)))
    assert fitted(np.full(300, value, np.float32)).decode(np.float32([[0.4]]))[0, 0] == np.float32(value)


def test_rare_moves_of_a_dim_that_is_nearly_still_are_bounded_and_come_back():
    values = 1.5686 + np.random.default_rng(0).normal(0, 2e-4, 400)
    values[[50, 51, 250]] = 0.2, 0.3, 0.1
    values = values.astype(np.float32)[:, None]
    normaliser = fitted(values[:, 0])
    encoded = normaliser.encode(values)
    assert np.abs(encoded).max() == pytest.approx(REACH)
    assert np.square(encoded).mean() < 0.02 * REACH**2
    np.testing.assert_allclose(normaliser.decode(encoded), values, atol=1e-6)
    assert not fitted(np.where(np.arange(400) == 7, 0.5, 0)).constant.any(), "a move is no rounding error"


def test_ordinary_tails_do_not_widen_the_range():
    draw = np.random.default_rng(0)
    for values in (draw.normal(size=100_000), draw.laplace(size=100_000), draw.uniform(size=1000)):
        normaliser = fitted(values)
        np.testing.assert_allclose([*normaliser.low, *normaliser.high], np.quantile(values, [0.01, 0.99]))


def test_the_range_of_several_data_sets_holds_the_bulk_of_each():
    draw = np.random.default_rng(0)
    small, large = (draw.normal(*of).astype(np.float32) for of in ((5, 1, 30), (-5, 2, 3000)))
    normaliser = fitted(small, large)
    for values in (small, large, np.concatenate([small, large])):
        assert np.abs(np.quantile(normaliser.encode(values[:, None]), [0.01, 0.99])).max() <= 1 + 1e-6


def test_values_outside_are_found_also_in_constant_dims():
    values = np.float32([[-1, 0.1], [3.1, 0.1], [0, 0.2]])
    for normaliser in (Normaliser((-1.0, 0.1), (3.0, 0.1)), Normaliser((-1.0, 0.1), (3.0, 0.1), (1,))):
        assert normaliser.outside(values).tolist() == [[False, False], [True, False], [False, True]]


def test_statistics_that_are_not_finite_are_refused():
    with pytest.raises(PraxiaError, match="finite"):
        Normaliser((float("nan"),), (1.0,))


@pytest.mark.parametrize("normaliser", [Normaliser((0.1,), (0.3,)), Normaliser((0.1, 0.2), (0.3, 0.2), (1,))])
def test_normaliser_survives_json(normaliser):
    assert Normaliser.from_json(json.loads(json.dumps(normaliser.to_json()))) == normaliser


@pytest.mark.parametrize("outlier", [0.0, 1e4])
def test_by_mean_and_standard_deviation_data_have_mean_zero_and_variance_one(outlier):
    values = np.random.default_rng(0).normal(3, 2, (400, 2)).astype(np.float32)
    values[0] += outlier
    encoded = Normaliser.from_stats(describe(values), normalisation="mean-std").encode(values)
    np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(encoded.std(0), 1, rtol=1e-4)


def test_by_minimum_and_maximum_data_fill_the_range():
    values = np.random.default_rng(0).normal(3, 2, (400, 2)).astype(np.float32)
    encoded = Normaliser.from_stats(describe(values), normalisation="min-max").encode(values)
    np.testing.assert_allclose([encoded.min(0), encoded.max(0)], [[-1, -1], [1, 1]], atol=1e-6)


@pytest.mark.parametrize("normalisation", ["quantiles", "mean-std", "min-max"])
def test_a_constant_is_one_by_every_normalisation(normalisation):
    assert Normaliser.from_stats(describe(np.full((9, 1), 0.7)), normalisation=normalisation).constant.all()
