"""Every bound is compared with the ranks in all rows, sorted by numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from praxia.statistics.quantiles import BLOCK_ROWS, QuantileSketch

LEVELS = [0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0]
MILLION = 1_000_000


def rows(name, num):
    draw = np.random.default_rng(7)
    if name == "lognormal":
        return draw.lognormal(0, 3, num)
    if name == "pareto":
        return draw.pareto(0.5, num)
    if name == "rare outliers":
        return np.where(draw.random(num) < 0.985, 0.25, 1e6 * draw.random(num))
    if name == "sorted":
        return np.sort(draw.lognormal(0, 3, num))
    if name == "from both ends":  # each block spans all that is left
        whole = np.sort(draw.normal(size=num))
        return np.stack([whole[: num // 2], whole[::-1][: num // 2]], axis=1).ravel()
    assert name == "half before half"  # the first rows do not resemble the later ones
    return np.concatenate([np.zeros(num // 2), np.arange(num - num // 2)])


def sketch(values, block=50_000, **sizes):
    found = QuantileSketch(**sizes)
    for first in range(0, len(values), block):
        found.add(values[first : first + block])
    return found


def worst(values, found):
    """By how many ranks a quantile is off, of any dim; what is called exact must be what numpy finds."""
    if found.rank_error == 0:
        np.testing.assert_array_equal(found.at(LEVELS), np.quantile(values.astype(np.float64), LEVELS, axis=0))
        return 0
    whole, off = np.sort(values, axis=0), []
    for level, quantiles in zip(LEVELS, found.at(LEVELS), strict=True):
        rank = level * (len(whole) - 1)
        for column, value in zip(whole.T, quantiles, strict=True):
            low, high = (np.searchsorted(column, value, side) for side in ("left", "right"))
            off.append(max(low - rank, rank - high, 0))
    return max(off)


def stated(num, block_rows=BLOCK_ROWS):
    """The bound that the docstring states, in ranks."""
    return num * (3 + np.log2(num / block_rows)) / (2 * block_rows)


@pytest.mark.parametrize("name", ["lognormal", "rare outliers"])
def test_a_million_rows_are_exact(name):
    values = rows(name, MILLION)[:, None].astype(np.float32)
    found = sketch(values)
    assert found.rank_error == 0
    np.testing.assert_array_equal(found.at(LEVELS), np.quantile(values.astype(np.float64), LEVELS, axis=0))


@pytest.mark.parametrize(
    "name", ["lognormal", "pareto", "rare outliers", "sorted", "from both ends", "half before half"]
)
def test_three_million_rows_are_within_the_stated_bound(name):
    values = rows(name, 3 * MILLION)[:, None].astype(np.float32)
    found = sketch(values)
    assert 0 < found.rank_error <= stated(len(values)) < 0.000065 * len(values)
    assert worst(values, found) <= found.rank_error


def test_dims_are_counted_apart_and_the_same_rows_give_the_same_quantiles():
    values = np.random.default_rng(3).normal(size=(20_000, 3)) * (1, 10, 0) + (0, 5, 7)
    one, two = (sketch(values, 333, held_rows=1024, block_rows=64) for _ in range(2))
    np.testing.assert_array_equal(one.at(LEVELS), two.at(LEVELS))
    assert worst(values, one) <= one.rank_error
    assert (one.at(LEVELS)[:, 2] == 7).all()


SIZES = {"held_rows": 16, "block_rows": 4}
ROWS = st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=60), min_size=1, max_size=12)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(ROWS)
def test_small_sketches_of_many_levels_are_within_their_bound(blocks):
    found = QuantileSketch(**SIZES)
    for block in blocks:
        found.add(np.array(block, np.int64)[:, None])
    whole = np.concatenate(blocks)[:, None]
    assert found.count == len(whole)
    assert worst(whole, found) <= found.rank_error
    assert found.rank_error <= (stated(len(whole), 4) if len(whole) > 16 else 0)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(ROWS, st.booleans())
def test_merged_sketches_count_all_within_twice_the_bound(blocks, right_first):
    parts = []
    for block in blocks:
        parts.append(QuantileSketch(**SIZES))
        parts[-1].add(np.array(block, np.int64)[:, None])
    while len(parts) > 1:
        into, other = (parts[-2], parts.pop()) if right_first else (parts[0], parts.pop(1))
        into.merge(other)
    whole = np.concatenate(blocks)[:, None]
    assert parts[0].count == len(whole)
    assert worst(whole, parts[0]) <= parts[0].rank_error
    assert parts[0].rank_error <= (2 * stated(len(whole), 4) if len(whole) > 16 else 0)
