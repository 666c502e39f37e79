import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.action_tokenizers.bins import QuantileBins, UniformBins
from praxia.action_tokenizers.interface import Status

EVERY_CLASS = pytest.mark.parametrize("tokenizer_class", [UniformBins, QuantileBins])


def round_trip(tokenizer, chunks):
    encoded = tokenizer.encode(chunks)
    return tokenizer.decode(encoded.tokens, encoded.valid)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(arrays(np.float32, (3, 4, 2), elements=st.floats(-1, 3, width=32)))
def test_uniform_bins_are_off_by_half_a_bin_at_most(chunks):
    tokenizer = UniformBins(4, (-1.0, -1.0), (3.0, 3.0))
    decoded = round_trip(tokenizer, chunks)
    assert (decoded.status == Status.OK).all()
    assert np.abs(decoded.chunks - chunks).max() <= 4 / 256 / 2 + 1e-6


def test_uniform_tokens_are_numbers_of_bins_step_by_step():
    tokenizer = UniformBins(2, (0.0, 0.0), (4.0, 8.0), num_bins=4)
    encoded = tokenizer.encode(np.float32([[[0.5, 7.5], [3.9, 2.1]]]))
    assert encoded.tokens.tolist() == [[0, 3, 3, 1]]
    np.testing.assert_array_equal(tokenizer.decode(encoded.tokens, encoded.valid).chunks, [[[0.5, 7], [3.5, 3]]])


def test_actions_out_of_range_are_clipped_to_the_last_bin_and_counted():
    tokenizer = UniformBins(2, (-1.0,), (1.0,), num_bins=2)
    encoded = tokenizer.encode(np.float32([[[-1], [1]], [[-1.01], [9]], [[0.3], [1.5]]]))
    assert encoded.num_clipped.tolist() == [0, 2, 1]
    assert encoded.tokens.tolist() == [[0, 1], [0, 1], [1, 1]]


def test_quantile_bins_hold_equally_many_actions_and_decode_to_their_medians():
    values = np.random.default_rng(0).exponential(size=(512 * 9, 1, 1)).astype(np.float32)
    tokenizer = QuantileBins.fit(values)
    tokens = tokenizer.encode(values).tokens[:, 0]
    num_in_bin = np.bincount(tokens, minlength=256)
    assert num_in_bin.max() <= 2 * 18  # of 18 on average
    parts = np.sort(values.ravel()).reshape(256, 18)
    np.testing.assert_array_equal(round_trip(tokenizer, values).chunks.ravel(), parts[tokens, 9])


def test_repeated_values_are_encoded_without_error(smooth):
    chunks = smooth(200)
    decoded = round_trip(QuantileBins.fit(chunks), chunks)
    np.testing.assert_array_equal(decoded.chunks[..., -1], chunks[..., -1])
    assert 0 < np.abs(decoded.chunks - chunks).max() < 0.1


def test_quantile_bins_are_more_accurate_beside_a_few_outliers():
    values = np.random.default_rng(1).normal(0, 0.1, (2000, 4, 1)).astype(np.float32)
    values[0] = 50
    error = {
        tokenizer_class: np.abs(round_trip(tokenizer_class.fit(values), values).chunks - values)[1:].mean()
        for tokenizer_class in (UniformBins, QuantileBins)
    }
    assert error[QuantileBins] < error[UniformBins] / 10


@EVERY_CLASS
def test_a_fit_clips_none_of_its_data_in_any_order(tokenizer_class, smooth):
    chunks = smooth(50)
    tokenizer = tokenizer_class.fit(chunks)
    assert not tokenizer.encode(chunks).num_clipped.any()
    assert tokenizer == tokenizer_class.fit(chunks[np.random.default_rng(0).permutation(50)])


@EVERY_CLASS
def test_rows_that_encode_no_chunk_are_nan_with_a_status(tokenizer_class, smooth):
    chunks = smooth(1, horizon=2)
    tokenizer = tokenizer_class.fit(chunks)
    good = tokenizer.encode(chunks).tokens[0].tolist()
    rows = [[*good, 0], [*good[:-1], 0, 0], [*good, 3], [*good[:-1], 256, 0], [-1, *good[1:], 0]]
    valid = np.arange(7) < np.array([6, 5, 7, 6, 6])[:, None]
    decoded = tokenizer.decode(np.array(rows), valid)
    expected = [Status.OK, Status.TOO_SHORT, Status.TOO_LONG, Status.UNKNOWN_TOKEN, Status.UNKNOWN_TOKEN]
    assert decoded.status.tolist() == expected
    assert np.isfinite(decoded.chunks[0]).all()
    assert np.isnan(decoded.chunks[1:]).all()
