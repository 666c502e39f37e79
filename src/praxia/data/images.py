"""Single images: decoded upright and in colour, and letterboxed."""

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps

__all__ = ["Size", "fit_inside", "letterbox", "pad_to", "to_rgb", "upright_size"]

# EXIF orientations that rotate an image by 90 degrees.
QUARTER_TURNS = (5, 6, 7, 8)
# Pillow's modes for files of 16 bits; versions before 11.3 have "I" for a PNG.
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def upright_size(opened: Image.Image) -> tuple[int, int]:
    """(height, width) after the rotation in its EXIF data. Nothing is decoded."""
    turned = opened.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS
    return (opened.width, opened.height) if turned else (opened.height, opened.width)


def to_rgb(opened: Image.Image) -> UInt8[np.ndarray, "Y X 3"]:
    """The image in RGB without alpha, turned as its EXIF data state, as LeRobot's reader (`datasets.Image`) does.

    Of 16 bits per channel the upper 8 are kept, as Pillow does for three channels; its own conversion of one channel
    clips everything over 255 to white.

    Raises:
        ValueError: floating-point pixels, whose range is unknown.
    """
    upright = ImageOps.exif_transpose(opened)
    if upright.mode == "F":
        raise ValueError("expected pixels of 8 or 16 bits, got floating-point ones")
    if upright.mode in DEEP:
        levels = np.clip(np.asarray(upright).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return np.repeat(levels[:, :, None], 3, axis=2)
    return np.asarray(upright.convert("RGB"))


# (height, width) in pixels
Size = tuple[int, int]


def fit_inside(size: Size, scaled: Size) -> Size:
    """The largest height and width in the proportions of `size` that fit into `scaled`."""
    by = min(scaled[0] / size[0], scaled[1] / size[1])
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def letterbox(image: UInt8[np.ndarray, "_ _ 3"], scaled: Size) -> UInt8[np.ndarray, "Y X 3"]:
    """`image` at the largest size that fits into `scaled`, pixels averaged over their area, between black bars."""
    if image.shape[:2] == scaled:
        return image
    height, width = fit_inside((image.shape[0], image.shape[1]), scaled)
    return pad_to(np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX)), scaled)


def pad_to(image: UInt8[np.ndarray, "_ _ 3"], scaled: Size) -> UInt8[np.ndarray, "Y X 3"]:
    """`image`, which has been scaled already, centred in a black one of size `scaled`."""
    if image.shape[:2] == scaled:
        return image
    whole = np.zeros((*scaled, 3), np.uint8)
    above, left = (scaled[0] - image.shape[0]) // 2, (scaled[1] - image.shape[1]) // 2
    whole[above : above + image.shape[0], left : left + image.shape[1]] = image
    return whole
