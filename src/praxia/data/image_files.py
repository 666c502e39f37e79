"""An image that is a file of its own (PNG, JPEG, ...) as viewers show it: upright, in 8 bits and in colour."""

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps

__all__ = ["colours", "upright_size"]

# EXIF's orientations that turn an image by a quarter.
QUARTER_TURNS = (5, 6, 7, 8)
# As Pillow opens files of 16 bits; versions before 11.3 have "I" for a PNG.
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def upright_size(opened: Image.Image) -> tuple[int, int]:
    """(height, width) once it is turned as its EXIF data say. Nothing is decoded."""
    turned = opened.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS
    return (opened.width, opened.height) if turned else (opened.height, opened.width)


def colours(opened: Image.Image) -> UInt8[np.ndarray, "Y X 3"]:
    """Its colours: turned as EXIF says, which is what LeRobot's reader (`datasets.Image`) does too; without alpha.

    Of 16 bits a channel the upper 8 are kept, as Pillow does where there are three channels; its own conversion of one
    channel cuts all that is over 255 to white.

    Raises:
        ValueError: it has floating-point pixels, whose range nobody knows.
    """
    upright = ImageOps.exif_transpose(opened)
    if upright.mode == "F":
        raise ValueError("expected pixels of 8 or 16 bits, got floating-point ones")
    if upright.mode in DEEP:
        levels = np.clip(np.asarray(upright).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return np.repeat(levels[:, :, None], 3, axis=2)
    return np.asarray(upright.convert("RGB"))
