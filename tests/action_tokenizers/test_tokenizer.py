"""What holds of every registered code."""

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
def test_it_has_the_interface_and_its_ids_are_in_the_vocabulary(tag, fitted, smooth):
    code = fitted[tag]
    assert isinstance(code, ActionTokenizer)
    assert (code.tag, code.horizon, code.action_dim) == (tag, 12, 3)
    coded = code.encode(smooth(20, seed=1))
    assert 0 <= coded.ids.min() <= coded.ids.max() < code.vocab_size
    assert coded.valid.sum(1).max() <= code.max_length
    assert not coded.ids[~coded.valid].any()


@TAGS
def test_the_data_that_it_was_fitted_on_comes_back(tag, fitted, smooth):
    chunks = smooth(200)
    coded = fitted[tag].encode(chunks)
    decoded = fitted[tag].decode(coded.ids, coded.valid)
    assert (decoded.status == Status.OK).all()
    assert decoded.chunks.dtype == np.float32
    assert np.abs(decoded.chunks - chunks).max() < 0.2


@TAGS
def test_it_survives_json(tag, fitted, smooth):
    again = action_tokenizer_from_json(json.loads(json.dumps(fitted[tag].to_json())))
    assert again == fitted[tag]
    np.testing.assert_array_equal(again.encode(smooth(9)).ids, fitted[tag].encode(smooth(9)).ids)


@TAGS
def test_the_order_of_the_chunks_does_not_matter(tag, fitted, smooth):
    assert find_action_tokenizer(tag).fit(smooth(200)[::-1].copy()) == fitted[tag]


@TAGS
def test_a_shape_that_it_cannot_hold_is_refused(tag, fitted):
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
    with pytest.raises(DataError, match=r"in 1 of 200 chunks \(chunk 7 spans -.* to 9.5.*praxia codes fit") as refused:
        expect_in_range(fitted[tag], chunks)
    assert "\n" not in str(refused.value)


def test_an_unknown_code_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="unknown action code 'fats'; nearest: fast"):
        action_tokenizer_from_json({"code": "fats"})
