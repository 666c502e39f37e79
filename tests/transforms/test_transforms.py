import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.core.errors import PraxiaError
from praxia.transforms.normalise import Normaliser
from praxia.transforms.subwords import Subwords

TEXTS = ["open the door by its handle", "press the red button from above", "close the drawer"]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(arrays(np.float32, (5, 3), elements=st.floats(-10, 10, width=32)))
def test_decode_undoes_encode(value):
    normaliser = Normaliser((-1.0, 0.0, 2.0), (1.0, 5.0, 2.0))
    np.testing.assert_allclose(normaliser.decode(normaliser.encode(value)), value, atol=1e-5)


def test_quantiles_become_one_and_a_constant_dim_is_only_shifted():
    normaliser = Normaliser((-1.0, 7.0), (3.0, 7.0))
    np.testing.assert_allclose(normaliser.encode(np.float32([[-1, 7], [3, 7.5]])), [[-1, 0], [1, 0.5]], atol=1e-6)


def test_statistics_that_are_not_finite_are_refused():
    with pytest.raises(PraxiaError, match="finite"):
        Normaliser((float("nan"),), (1.0,))


def test_normaliser_survives_json():
    normaliser = Normaliser((0.1,), (0.3,))
    assert Normaliser.from_json(json.loads(json.dumps(normaliser.to_json()))) == normaliser


def test_subwords_round_trip_and_pad():
    subwords = Subwords.fit(TEXTS)
    ids, valid = subwords.encode(TEXTS)
    assert ids.shape == valid.shape == (3, subwords.max_length)
    assert (ids[~valid] == 0).all()
    for row, text in enumerate(TEXTS):
        assert subwords.decode(ids[row][valid[row]].tolist()) == text


def test_subwords_do_not_depend_on_order_or_repetition():
    assert Subwords.fit(TEXTS) == Subwords.fit([*reversed(TEXTS), TEXTS[0]])


def test_an_unseen_instruction_keeps_its_letters_and_overlong_ones_are_cut():
    subwords = Subwords.fit(TEXTS)
    ids, valid = subwords.encode(["Turn the dial"])
    assert subwords.decode(ids[0][valid[0]].tolist()) == "turn the dial"
    ids, valid = subwords.encode(["x" * 500])
    assert valid.all()
    assert ids.max() < subwords.size
