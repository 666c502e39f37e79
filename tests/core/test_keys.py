import numpy as np
import pytest

from praxia.core.keys import canonical_json, content_key, generator, seed


def test_equal_values_have_equal_keys_whatever_their_order():
    assert content_key({"a": 1, "b": [1.5, 2]}) == content_key({"b": [1.5, 2], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_a_number_that_is_not_finite_has_no_key():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_streams_depend_on_the_key_alone():
    first = generator("episode", 3).standard_normal(4)
    generator("episode", 4).standard_normal(100)
    np.testing.assert_array_equal(first, generator("episode", 3).standard_normal(4))
    assert not np.array_equal(first, generator("episode", 4).standard_normal(4))


def test_streams_are_standard_normal():
    draws = np.stack([generator("n", step).standard_normal(16) for step in range(500)])
    assert abs(draws.mean()) < 0.05
    assert abs(draws.std() - 1) < 0.05


def test_a_seed_has_63_bits_and_depends_on_the_key_alone():
    seeds = {seed("step", step) for step in range(1000)}
    assert len(seeds) == 1000
    assert all(0 <= one < 2**63 for one in seeds)
    assert max(seeds) > 2**62
    assert seed("step", 3) == seed("step", 3) != seed("step", "3")
