"""Whether pictures that lie among the rows, as PNG or JPEG, can be decoded and have the declared size."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Int64
from PIL import Image

from praxia.data.check.problems import Problems

__all__ = ["check_images"]


def check_images(
    name: str, column: pa.ChunkedArray, shape: Sequence[int], owner: Int64[np.ndarray, " N"], problems: Problems
) -> None:
    """Note each picture of `column` in the file `name` that is not there, not whole, or not of `shape`.

    `owner` is the episode of each row, -1 where nobody knows.
    """
    for episode, cell in zip(owner.tolist(), column.to_pylist(), strict=True):
        of = None if episode < 0 else [episode]
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(data, bytes):
            problems.add(name, "missing-frames", "a row has no picture", of)
            continue
        try:
            with Image.open(io.BytesIO(data)) as picture:
                size = (picture.height, picture.width)
                if not _fits(size, shape):  # before it is decoded: a damaged header may promise gigabytes
                    problems.add(name, "camera", f"expected a picture of {list(shape)}, got {list(size)}", of)
                    continue
                np.asarray(picture)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            problems.add(name, "undecodable", str(error), of)


def _fits(size: tuple[int, int], shape: Sequence[int]) -> bool:
    """LeRobot declares pictures as [Y, X, C] or as [C, Y, X]."""
    return size in (tuple(shape[:2]), tuple(shape[1:]))
