"""Combined image statistics against those computed from all images."""

import numpy as np
import pytest

from praxia.data.dataset import Dataset
from praxia.datatools.edit.image_statistics import KNOTS, combine_image_statistics
from praxia.datatools.edit.operations import delete, trim
from praxia.statistics.images import ImageHistogram, sampled_frames
from praxia.statistics.running import QUANTILES

MOMENTS = ("mean", "std", "count")


def stacked(described):
    return {name: np.stack([np.ravel(one[name]) for one in described]).astype(float) for name in (*KNOTS, *MOMENTS)}


def images(seed, frames):
    """Different episodes: dark and bright ones, flat and rough ones."""
    draw = np.random.default_rng(seed)
    return draw.normal(draw.uniform(0, 255), draw.uniform(0, 60), (frames, 8, 8, 3)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(2))
def test_moments_are_exact_and_quantiles_within_the_bound(seed):
    parts = [ImageHistogram.of(images(100 * seed + number, 5 + number)) for number in range(12)]
    described = [part.describe() for part in parts]
    found, off = combine_image_statistics(stacked(described))
    true = ImageHistogram.total(parts).describe()
    for name in ("min", "max", *MOMENTS):
        np.testing.assert_allclose(found[name], true[name], rtol=1e-9)
    errors = [np.abs(np.array(found[name]) - true[name]).max() for name in QUANTILES]
    assert 0 < max(errors) <= off + 1 / 255, "a true quantile lies on a level, a given one need not"
    average = {name: np.mean([one[name] for one in described], axis=0) for name in QUANTILES}
    assert max(errors) < max(np.abs(average[name] - true[name]).max() for name in QUANTILES)


def test_quantiles_of_one_set_and_of_equal_sets_are_exact():
    one = ImageHistogram.of(images(3, 9)).describe()
    for copies in (1, 4):
        found, off = combine_image_statistics(stacked([one] * copies))
        for name in QUANTILES:
            np.testing.assert_allclose(found[name], one[name], atol=1e-12)
        assert (off == 0) == (copies == 1)


def test_missing_quantiles_stay_missing():
    one = ImageHistogram.of(images(3, 9)).describe()
    found, off = combine_image_statistics(
        {name: values for name, values in stacked([one, one]).items() if name not in QUANTILES}
    )
    assert (set(found), off) == ({"min", "max", *MOMENTS}, 0.0)


def test_an_edited_data_set(tmp_path, recorded, synthetic):
    result = delete(recorded, "2,5", tmp_path / "out")
    new = Dataset(tmp_path / "out")
    for camera in synthetic.CAMERAS:
        parts = []
        for index in (0, 1, 3, 4, 6, 7):
            episode = synthetic.episode(index)
            parts.append(ImageHistogram.of(episode.images[camera][sampled_frames(len(episode))]))
        found, true = new.stats[f"observation.images.{camera}"], ImageHistogram.total(parts).describe()
        for name in ("min", "max", *MOMENTS):
            np.testing.assert_allclose(found[name], true[name], rtol=1e-9)
        off = result["image_quantiles_within"][f"observation.images.{camera}"]
        assert all(np.abs(np.array(found[name]) - true[name]).max() <= off + 1 / 255 for name in QUANTILES)


def test_trimmed_episodes_keep_their_image_statistics(tmp_path, recorded):
    trim(recorded, tmp_path / "out", threshold=0.5, frames=0)
    old, new = Dataset(recorded), Dataset(tmp_path / "out")
    assert new.num_frames < old.num_frames
    for camera in ("front", "wrist"):
        key = f"observation.images.{camera}"
        assert new.stats[key]["count"] == old.stats[key]["count"]
        np.testing.assert_allclose(new.stats[key]["mean"], old.stats[key]["mean"])
