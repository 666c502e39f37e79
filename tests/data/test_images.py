import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from praxia.data.images import to_rgb, upright_size

GREY = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
RAMP = np.stack(np.broadcast_arrays(*np.ogrid[0:48, 0:64], 7), -1).astype(np.uint8)


def stored(image, kind="PNG", **options):
    target = io.BytesIO()
    image.save(target, kind, **options)
    return Image.open(io.BytesIO(target.getvalue()))


def test_sixteen_bits_of_grey_are_scaled_and_not_cut_to_white():
    pixels = to_rgb(stored(Image.fromarray(GREY)))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.repeat((GREY // 256).astype(np.uint8)[..., None], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_by_its_exif_orientation(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    opened = stored(Image.fromarray(RAMP), "JPEG", exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(opened))
    assert upright_size(opened) == upright.shape[:2] == ((64, 48) if orientation > 4 else (48, 64))
    np.testing.assert_array_equal(to_rgb(opened), upright)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "1", "P"])
def test_other_modes_become_colours(mode):
    image = Image.fromarray(RAMP).convert(mode)
    np.testing.assert_array_equal(to_rgb(stored(image)), np.asarray(image.convert("RGB")))


def test_floating_point_pixels_have_no_known_range():
    with pytest.raises(ValueError, match="8 or 16 bits, got floating-point"):
        to_rgb(stored(Image.fromarray(RAMP[..., 0].astype(np.float32)), "TIFF"))
