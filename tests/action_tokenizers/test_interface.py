"""What holds for every registered action tokenizer."""

import json

import numpy as np
import pytest

from praxia.action_tokenizers import ACTION_TOKENIZERS, action_tokenizer_from_json, find_action_tokenizer
from praxia.action_tokenizers.interface import ActionTokenizer, Status, expect_in_range
from praxia.core.errors import DataError, MismatchError, UnknownName

TAGS = pytest.mark.parametrize("tag", sorted(ACTION_TOKENIZERS))


@pytest.fixture(scope="module")
def fitted(smooth):
    return {tag: find_action_tokenizer(tag).fit(smooth(200)) for tag in ACTION_TOKENIZERS}


@TAGS
def test_it_has_the_interface_and_its_tokens_are_in_the_vocabulary(tag, fitted, smooth):
    tokenizer = fitted[tag]
    assert isinstance(tokenizer, ActionTokenizer)
    assert (tokenizer.tag, tokenizer.horizon, tokenizer.action_dim) == (tag, 12, 3)
    encoded = tokenizer.encode(smooth(20, seed=1))
    assert 0 <= encoded.tokens.min() <= encoded.tokens.max() < tokenizer.vocab_size
    assert encoded.valid.sum(1).max() <= tokenizer.max_length
    assert not encoded.tokens[~encoded.valid].any()


@TAGS
def test_the_data_of_the_fit_are_decoded(tag, fitted, smooth):
    chunks = smooth(200)
    encoded = fitted[tag].encode(chunks)
    decoded = fitted[tag].decode(encoded.tokens, encoded.valid)
    assert (decoded.status == Status.OK).all()
    assert decoded.chunks.dtype == np.float32
    assert np.abs(decoded.chunks - chunks).max() < 0.2


@TAGS
def test_it_survives_json(tag, fitted, smooth):
    again = action_tokenizer_from_json(json.loads(json.dumps(fitted[tag].to_json())))
    assert again == fitted[tag]
    np.testing.assert_array_equal(again.encode(smooth(9)).tokens, fitted[tag].encode(smooth(9)).tokens)


@TAGS
def test_the_order_of_the_chunks_does_not_matter(tag, fitted, smooth):
    assert find_action_tokenizer(tag).fit(smooth(200)[::-1].copy()) == fitted[tag]


@TAGS
def test_another_shape_is_refused(tag, fitted):
    with pytest.raises(MismatchError, match=r"12 actions x 3 dims, got 10 x 4; fit one.*--horizon"):
        fitted[tag].encode(np.zeros((2, 10, 4), np.float32))


@TAGS
def test_values_that_are_not_finite_are_refused(tag, fitted, smooth):
    chunks = smooth(4)
    chunks[2, 5, 1] = np.nan
    for use in (fitted[tag].encode, find_action_tokenizer(tag).fit):
        with pytest.raises(DataError, match="got nan in chunk 2, step 5, dim 1"):
            use(chunks)


@TAGS
def test_an_action_outside_the_range_is_one_clear_line(tag, fitted, smooth):
    chunks = smooth(200)
    expect_in_range(fitted[tag], chunks)
    chunks[7, :, 0] = 9.5
    with pytest.raises(
        DataError, match=r"in 1 of 200 chunks \(chunk 7 spans -.* to 9.5.*praxia tokenizer fit"
    ) as refused:
        expect_in_range(fitted[tag], chunks)
    assert "\n" not in str(refused.value)


def test_the_error_for_an_unknown_tokenizer_names_the_nearest():
    with pytest.raises(UnknownName, match="unknown action tokenizer 'fats'; nearest: fast"):
        action_tokenizer_from_json({"schema": 2, "type": "fats"})
