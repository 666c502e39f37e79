import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.action_codes.dct import dct, inverse_dct


@pytest.mark.parametrize("horizon", [1, 2, 7, 50])
def test_it_is_scipys_orthonormal_dct_along_time(horizon):
    chunks = np.random.default_rng(horizon).normal(size=(4, horizon, 3))
    expected = scipy.fft.dct(chunks, type=2, axis=1, norm="ortho")
    np.testing.assert_allclose(dct(chunks), expected, atol=1e-12)
    np.testing.assert_allclose(inverse_dct(expected), chunks, atol=1e-12)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(arrays(np.float64, (2, 9, 2), elements=st.floats(-5, 5)))
def test_energy_is_kept(chunks):
    np.testing.assert_allclose((dct(chunks) ** 2).sum(1), (chunks**2).sum(1), atol=1e-9)
