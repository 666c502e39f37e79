import numpy as np
import pytest

from praxia.action_tokenizers.fast import Fast
from praxia.action_tokenizers.interface import Status
from praxia.core.errors import DataError


@pytest.fixture(scope="module")
def tokenizer(smooth):
    return Fast.fit(smooth(400), vocab_size=300)


def cosines(horizon):
    """The orthonormal DCT-II as a matrix: row k is the cosine of k half-turns over the horizon, with unit length."""
    frequency, time = np.arange(horizon)[:, None], np.arange(horizon) + 0.5
    return np.cos(np.pi * frequency * time / horizon) * np.sqrt(np.where(frequency == 0, 1, 2) / horizon)


def test_it_is_the_rounded_cosine_transform_and_back(tokenizer, smooth):
    chunks = smooth(30, seed=1)
    encoded = tokenizer.encode(chunks)
    decoded = tokenizer.decode(encoded.tokens, encoded.valid)
    basis = cosines(chunks.shape[1])
    coefficients = np.around(basis @ chunks.astype(np.float64) * 10)
    expected = basis.T @ coefficients / 10
    inside = encoded.num_clipped == 0
    assert inside.sum() > 20
    assert (decoded.status == Status.OK).all()
    np.testing.assert_allclose(decoded.chunks[inside], expected[inside], atol=1e-6)
    assert np.sqrt(np.mean((decoded.chunks - chunks) ** 2)) < 0.05


def test_smooth_chunks_have_fewer_tokens_than_numbers_and_at_most_max_length(tokenizer, smooth):
    valid = tokenizer.encode(smooth(100, seed=2)).valid
    assert valid.sum(1).mean() < 36 * 2 / 3
    assert valid.shape[1] <= tokenizer.max_length == 36


def test_a_finer_scale_is_closer_and_longer(smooth):
    chunks, found = smooth(300), []
    for scale in (5.0, 20.0):
        tokenizer = Fast.fit(chunks, scale=scale)
        encoded = tokenizer.encode(chunks)
        error = np.mean((tokenizer.decode(encoded.tokens, encoded.valid).chunks - chunks) ** 2)
        found.append((error, encoded.valid.sum()))
    assert found[0][0] > 4 * found[1][0]
    assert found[0][1] < found[1][1]


def test_a_chunk_is_encoded_alike_alone_and_among_others(tokenizer, smooth):
    chunks = smooth(20, seed=3)
    together = tokenizer.encode(chunks)
    for row in range(20):
        alone = tokenizer.encode(chunks[row : row + 1])
        assert alone.tokens[0].tolist() == together.tokens[row][together.valid[row]].tolist()


def test_coefficients_outside_the_alphabet_are_clipped_on_both_sides_and_counted(tokenizer):
    far = np.zeros((3, 12, 3), np.float32)
    far[0], far[1, :, 1] = 50, -50  # constant: one coefficient per dim that is not zero
    encoded = tokenizer.encode(far)
    assert encoded.num_clipped.tolist() == [3, 1, 0]
    decoded = tokenizer.decode(encoded.tokens, encoded.valid).chunks
    highest, lowest = tokenizer.vocabulary.high / 10 / np.sqrt(12), tokenizer.vocabulary.low / 10 / np.sqrt(12)
    np.testing.assert_allclose(decoded[0], highest, atol=1e-6)
    np.testing.assert_allclose(decoded[1, :, 1], lowest, atol=1e-6)


def test_rows_that_encode_no_chunk_are_nan_with_a_status(tokenizer, smooth):
    encoded = tokenizer.encode(smooth(1, seed=4))
    good = encoded.tokens[0].tolist()
    rows = [[*good, 0], [*good[:-1], 0, 0], [*good, 0], [*good[:-1], tokenizer.vocab_size, 0], [*good[:-1], -1, 0]]
    valid = np.arange(len(good) + 1) < len(good) + np.array([0, -1, 1, 0, 0])[:, None]
    decoded = tokenizer.decode(np.array(rows), valid)
    expected = [Status.OK, Status.TOO_SHORT, Status.TOO_LONG, Status.UNKNOWN_TOKEN, Status.UNKNOWN_TOKEN]
    assert decoded.status.tolist() == expected
    assert np.isfinite(decoded.chunks[0]).all()
    assert np.isnan(decoded.chunks[1:]).all()


def test_actions_too_far_out_of_range_are_refused(smooth):
    chunks = smooth(20)
    chunks[3, :, 0] = 40
    with pytest.raises(
        DataError, match=r"to 40: a FAST tokenizer of 1024 tokens .* --tokenizer quantile-bins"
    ) as refused:
        Fast.fit(chunks)
    assert "\n" not in str(refused.value)


def test_no_tokens_at_all_are_too_short(tokenizer):
    decoded = tokenizer.decode(np.zeros((2, 0), np.int64), np.zeros((2, 0), bool))
    assert decoded.status.tolist() == [Status.TOO_SHORT] * 2
