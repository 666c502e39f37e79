"""Action tokenizers of schema 1 in `tests/frozen/action_codes` encode and decode as the version that wrote them."""

import json

import numpy as np
import pytest
from frozen_testing import FROZEN, expected, make_chunks

from praxia.action_tokenizers import ACTION_TOKENIZERS, action_tokenizer_from_json
from praxia.action_tokenizers.migration import SCHEMA, migrate
from praxia.core.errors import PraxiaError

EXPECTED = expected("action_codes")
every = pytest.mark.parametrize("name", EXPECTED)


def read(name):
    return action_tokenizer_from_json(json.loads((FROZEN / "action_codes" / f"{name}.json").read_text()))


def chunks():
    """Some are beyond the range of the fit, and some hardly move."""
    scales = np.float32([1.2, 1.2, 1, 1, 0.2, 0.2, 0.05, 0.02])
    return make_chunks(8, horizon=4, dims=2, seed=2) * scales[:, None, None]


def test_there_is_one_of_each_type():
    assert {read(name).tag for name in EXPECTED} == set(ACTION_TOKENIZERS)


@every
def test_chunks_are_encoded_as_before(name):
    tokenizer, before = read(name), EXPECTED[name]
    encoded = tokenizer.encode(chunks())
    assert tokenizer.vocab_size == before["vocabulary"]
    assert [row[valid].tolist() for row, valid in zip(encoded.tokens, encoded.valid, strict=True)] == before["tokens"]
    assert encoded.num_clipped.tolist() == before["num_clipped"]


@every
def test_tokens_are_decoded_as_before(name):
    tokenizer = read(name)
    encoded = tokenizer.encode(chunks())
    decoded = tokenizer.decode(encoded.tokens, encoded.valid)
    assert not decoded.status.any()
    np.testing.assert_allclose(decoded.chunks, EXPECTED[name]["decoded"], rtol=0, atol=1e-6)


@every
def test_written_anew_it_is_an_equal_tokenizer(name):
    tokenizer = read(name)
    assert action_tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer


@every
def test_a_written_file_has_the_present_schema(name):
    written = read(name).to_json()
    assert written["schema"] == SCHEMA == 2
    assert "code" not in written
    assert migrate(written) == written


@pytest.mark.parametrize("value", [{"schema": 3, "type": "bins"}, {"low": 1}])
def test_a_newer_schema_and_other_files_are_refused(value):
    with pytest.raises(PraxiaError, match="expected a fitted action tokenizer of schema 1 or 2, got"):
        migrate(value)
