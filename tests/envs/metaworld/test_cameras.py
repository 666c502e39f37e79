import cv2
import numpy as np
import pytest

from praxia.core.keys import generator
from praxia.envs.metaworld.cameras import resize


@pytest.mark.parametrize(("old", "new"), [(320, 448), (320, 224), (64, 80), (5, 3), (1, 4)])
def test_resize_is_opencvs_bilinear_one(old: int, new: int):
    image = generator("picture", old).integers(0, 256, (old, old, 3), np.uint8)
    expected = cv2.resize(image, (new, new), interpolation=cv2.INTER_LINEAR)
    assert np.abs(resize(image, new).astype(int) - expected).max() <= 1


def test_an_image_of_that_size_is_unchanged():
    image = generator("picture").integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(resize(image, 32), image)
