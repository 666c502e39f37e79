import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.action_tokenizers.bins import QuantileBins, UniformBins
from praxia.action_tokenizers.interface import Status

KINDS = pytest.mark.parametrize("kind", [UniformBins, QuantileBins])


def there_and_back(code, chunks):
    coded = code.encode(chunks)
    return code.decode(coded.ids, coded.valid)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(arrays(np.float32, (3, 4, 2), elements=st.floats(-1, 3, width=32)))
def test_uniform_bins_are_off_by_half_a_bin_at_most(chunks):
    code = UniformBins(4, (-1.0, -1.0), (3.0, 3.0))
    decoded = there_and_back(code, chunks)
    assert (decoded.status == Status.OK).all()
    assert np.abs(decoded.chunks - chunks).max() <= 4 / 256 / 2 + 1e-6


def test_uniform_ids_are_numbers_of_bins_step_by_step():
    code = UniformBins(2, (0.0, 0.0), (4.0, 8.0), num_bins=4)
    coded = code.encode(np.float32([[[0.5, 7.5], [3.9, 2.1]]]))
    assert coded.ids.tolist() == [[0, 3, 3, 1]]
    np.testing.assert_array_equal(code.decode(coded.ids, coded.valid).chunks, [[[0.5, 7], [3.5, 3]]])


def test_what_is_outside_is_clipped_to_the_last_bin_and_counted():
    code = UniformBins(2, (-1.0,), (1.0,), num_bins=2)
    coded = code.encode(np.float32([[[-1], [1]], [[-1.01], [9]], [[0.3], [1.5]]]))
    assert coded.num_clipped.tolist() == [0, 2, 1]
    assert coded.ids.tolist() == [[0, 1], [0, 1], [1, 1]]


def test_quantile_bins_hold_equally_many_actions_and_decode_to_their_medians():
    values = np.random.default_rng(0).exponential(size=(512 * 9, 1, 1)).astype(np.float32)
    code = QuantileBins.fit(values)
    ids = code.encode(values).ids[:, 0]
    held = np.bincount(ids, minlength=256)
    assert held.max() <= 2 * 18  # of 18 on average
    parts = np.sort(values.ravel()).reshape(256, 18)
    np.testing.assert_array_equal(there_and_back(code, values).chunks.ravel(), parts[ids, 9])


def test_values_that_repeat_are_coded_without_error(smooth):
    chunks = smooth(200)
    decoded = there_and_back(QuantileBins.fit(chunks), chunks)
    np.testing.assert_array_equal(decoded.chunks[..., -1], chunks[..., -1])
    assert 0 < np.abs(decoded.chunks - chunks).max() < 0.1


def test_quantile_bins_do_better_where_a_few_actions_are_far_out():
    values = np.random.default_rng(1).normal(0, 0.1, (2000, 4, 1)).astype(np.float32)
    values[0] = 50
    error = {
        kind: np.abs(there_and_back(kind.fit(values), values).chunks - values)[1:].mean()
        for kind in (UniformBins, QuantileBins)
    }
    assert error[QuantileBins] < error[UniformBins] / 10


@KINDS
def test_a_fit_holds_its_own_data_whatever_its_order(kind, smooth):
    chunks = smooth(50)
    code = kind.fit(chunks)
    assert not code.encode(chunks).num_clipped.any()
    assert code == kind.fit(chunks[np.random.default_rng(0).permutation(50)])


@KINDS
def test_rows_that_are_no_chunk_are_nan_with_a_status(kind, smooth):
    chunks = smooth(1, horizon=2)
    code = kind.fit(chunks)
    good = code.encode(chunks).ids[0].tolist()
    rows = [[*good, 0], [*good[:-1], 0, 0], [*good, 3], [*good[:-1], 256, 0], [-1, *good[1:], 0]]
    valid = np.arange(7) < np.array([6, 5, 7, 6, 6])[:, None]
    decoded = code.decode(np.array(rows), valid)
    expected = [Status.OK, Status.TOO_SHORT, Status.TOO_LONG, Status.UNKNOWN_TOKEN, Status.UNKNOWN_TOKEN]
    assert decoded.status.tolist() == expected
    assert np.isfinite(decoded.chunks[0]).all()
    assert np.isnan(decoded.chunks[1:]).all()
