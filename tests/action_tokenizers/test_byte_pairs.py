import json
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.action_tokenizers.byte_pairs import IntegerBpe
from praxia.action_tokenizers.interface import Status, pad_rows


def rows_like_coefficients(num=300, length=60, seed=0):
    """Mostly zeros, with small integers at the front."""
    scale = 8 * np.exp(-np.arange(length) / 8)
    return np.around(np.random.default_rng(seed).normal(0, scale, (num, length))).astype(np.int64)


FITTED = IntegerBpe.fit(rows_like_coefficients(), -35, 35, 200)


def merged_by_hand(vocabulary, row):
    """Byte-pair encoding by its definition: the earliest merge that applies, everywhere, from left to right."""
    tokens = [int(integer) - vocabulary.low for integer in row]
    while True:
        pairs = set(pairwise(tokens))
        apply = [rank for rank, pair in enumerate(vocabulary.merges) if pair in pairs]
        if not apply:
            return tokens
        pair, joined, at = vocabulary.merges[apply[0]], [], 0
        while at < len(tokens):
            if tuple(tokens[at : at + 2]) == pair:
                joined.append(vocabulary.high - vocabulary.low + 1 + apply[0])
                at += 2
            else:
                joined.append(tokens[at])
                at += 1
        tokens = joined


def test_tokens_are_those_of_merging_by_hand():
    rows = rows_like_coefficients(num=40, seed=1).clip(FITTED.low, FITTED.high)
    assert len(FITTED.merges) > 100
    assert [list(tokens) for tokens in FITTED.encode(rows)] == [merged_by_hand(FITTED, row) for row in rows]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(arrays(np.int64, (3, 17), elements=st.integers(FITTED.low, FITTED.high)))
def test_decode_undoes_encode(rows):
    found, status = FITTED.decode(*pad_rows(FITTED.encode(rows)), 17)
    assert (status == Status.OK).all()
    np.testing.assert_array_equal(found, rows)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(arrays(np.int64, (4, 9), elements=st.integers(-3, 210)), arrays(bool, (4, 9)))
def test_any_tokens_have_a_status(tokens, valid):
    integers, status = FITTED.decode(tokens, valid, 12)
    assert integers.shape == (4, 12)
    for row in range(4):
        chosen = tokens[row][valid[row]]
        known = ((chosen >= 0) & (chosen < FITTED.size)).all()
        assert (status[row] == Status.UNKNOWN_TOKEN) == (not known)
        if status[row] == Status.OK:
            assert ((integers[row] >= FITTED.low) & (integers[row] <= FITTED.high)).all()


def test_merges_shorten_rows_like_those_of_the_fit():
    rows = rows_like_coefficients(seed=2).clip(FITTED.low, FITTED.high)
    assert np.mean([len(tokens) for tokens in FITTED.encode(rows)]) < 60 / 2


def test_every_merge_encodes_another_sequence():
    sequences = [(integer,) for integer in range(FITTED.low, FITTED.high + 1)]
    for left, right in FITTED.merges:
        sequences.append(sequences[left] + sequences[right])
    assert len(set(sequences)) == len(sequences) == FITTED.size <= 200


def test_a_fit_does_not_depend_on_the_order_of_rows():
    rows = rows_like_coefficients()
    assert IntegerBpe.fit(rows[np.random.default_rng(3).permutation(len(rows))], -35, 35, 200) == FITTED


def test_it_survives_json():
    assert IntegerBpe.from_json(json.loads(json.dumps(FITTED.to_json()))) == FITTED
