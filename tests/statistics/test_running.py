import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.data.dataset import Dataset
from praxia.statistics.images import ImageHistogram, sampled_frames
from praxia.statistics.running import RunningStats, describe

LEVELS = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def reference(values, scale=1.0):
    """The same with numpy, float64, all rows at once."""
    values = values.astype(np.float64) / scale
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        **{name: np.quantile(values, level, axis=0) for name, level in LEVELS.items()},
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_a_large_offset_does_not_eat_the_spread(dtype):
    values = np.array([[10000], [10001], [10002]], dtype=dtype)
    assert describe(values)["std"] == pytest.approx([np.sqrt(2 / 3)], rel=1e-12)
    row_by_row = statistics_of([row[None] for row in values]).describe()
    assert row_by_row["std"] == pytest.approx([0.8165], abs=1e-4)
    assert row_by_row["mean"] == [10001]


def statistics_of(blocks):
    found = RunningStats()
    for block in blocks:
        found.add(block)
    return found


def merged(left, right):
    both = RunningStats()
    both.merge(left)
    both.merge(right)
    return both


def expect(described, whole):
    scale = np.abs(whole).max() + 1
    assert described["count"] == [len(whole)]
    for name, expected in reference(whole).items():
        np.testing.assert_allclose(described[name], expected, rtol=1e-9, atol=1e-9 * scale, err_msg=name)


BLOCK = arrays(np.float32, st.tuples(st.integers(0, 9), st.just(2)), elements=st.floats(-1e6, 1e6, width=32))


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(BLOCK, min_size=3, max_size=8))
def test_blocks_in_any_grouping_give_the_same_statistics(blocks):
    whole = np.concatenate(blocks)
    if not len(whole):
        return
    first, second, third = statistics_of(blocks[:1]), statistics_of(blocks[1:2]), statistics_of(blocks[2:])
    for one in (statistics_of(blocks), merged(merged(first, second), third), merged(first, merged(second, third))):
        expect(one.describe(), whole)


def test_quantiles_of_merged_episodes_are_those_of_all_rows_and_no_envelope():
    """One short, wild episode beside a long, quiet one: an envelope would give it half of the range."""
    draw = np.random.default_rng(5)
    quiet, wild = draw.normal(size=(50_000, 1)), 1000 + draw.normal(size=(20, 1))
    found = merged(statistics_of([quiet]), statistics_of([wild])).describe()
    expect(found, np.concatenate([quiet, wild]))
    assert found["q99"][0] < 3


def test_pixels_are_exact(synthetic):
    parts = [np.random.default_rng(n).integers(0, 256, (n, 4, 6, 3), dtype=np.uint8) for n in (1, 5, 3)]
    total = ImageHistogram.total(
        [ImageHistogram.from_json(json.loads(json.dumps(ImageHistogram.of(part).to_json()))) for part in parts]
    )
    described = total.describe()
    assert described["count"] == [9]
    for name, expected in reference(np.concatenate(parts).reshape(-1, 3), 255).items():
        assert np.shape(described[name]) == (3, 1, 1)
        np.testing.assert_allclose(np.ravel(described[name]), expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_data_sets_statistics(recorded, synthetic):
    dataset = Dataset(recorded)
    for feature in ("observation.state", "action", "next.reward", "next.success", "timestamp", "episode_index"):
        described = dataset.stats[feature]
        assert described["count"] == [dataset.num_frames]
        for name, expected in reference(dataset.column(feature)).items():
            np.testing.assert_allclose(described[name], expected, rtol=1e-9, err_msg=f"{feature} {name}")
    for camera in synthetic.CAMERAS:
        episodes = [synthetic.episode(index).images[camera] for index in range(8)]
        sampled = np.concatenate([images[sampled_frames(len(images))] for images in episodes]).reshape(-1, 3)
        for name, expected in reference(sampled, 255).items():
            found = dataset.stats[f"observation.images.{camera}"][name]
            np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(("length", "number"), [(1, 1), (60, 60), (100, 100), (400, 100), (1000, 177), (20000, 1681)])
def test_as_many_frames_are_sampled_as_in_lerobot(length, number):
    frames = sampled_frames(length)
    assert (len(frames), frames[0], frames[-1]) == (number, 0, length - 1)
