"""An image of one size inside one of another: its proportions kept, between black bars."""

import numpy as np
from jaxtyping import UInt8

__all__ = ["Size", "framed", "inside"]

# (height, width) in pixels
Size = tuple[int, int]


def inside(size: Size, scaled: Size) -> Size:
    """The largest height and width of the proportions of `size` that fit into `scaled`."""
    by = min(scaled[0] / size[0], scaled[1] / size[1])
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def framed(image: UInt8[np.ndarray, "_ _ 3"], scaled: Size) -> UInt8[np.ndarray, "Y X 3"]:
    """`image` in the middle of a black one."""
    if image.shape[:2] == scaled:
        return image
    whole = np.zeros((*scaled, 3), np.uint8)
    above, left = (scaled[0] - image.shape[0]) // 2, (scaled[1] - image.shape[1]) // 2
    whole[above : above + image.shape[0], left : left + image.shape[1]] = image
    return whole
