"""Whether images that are no videos, PNG or JPEG among the rows or in files of their own, are as declared."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64
from PIL import Image

from praxia.data.features import image_size
from praxia.data.image_files import colours, upright_size
from praxia.datatools.check.problems import Problems

__all__ = ["check_images"]


def check_images(
    root: Path,
    name: str,
    column: pa.ChunkedArray,
    declared: Mapping[str, Any],
    owner: Int64[np.ndarray, " N"],
    problems: Problems,
    *,
    camera: bool,
) -> None:
    """Note each image of `column` in the file `name` that is not there, not whole, or not as it is `declared`.

    Those of a `camera` must have colours. `owner` is the episode of each row, -1 where nobody knows. A path leads on
    from `root`, as for the reader.
    """
    expected = image_size(declared)
    for episode, cell in zip(owner.tolist(), column.to_pylist(), strict=True):
        of = None if episode < 0 else [episode]
        try:
            data = _encoded(cell, root)
            if data is None:
                problems.add(name, "missing-frames", "a row has no image", of)
                continue
            with Image.open(io.BytesIO(data)) as image:
                size = upright_size(image)
                if size != expected:  # before it is decoded: a damaged header may promise gigabytes
                    problems.add(name, "camera", f"expected an image of {expected}, got {size}", of)
                    continue
                colours(image) if camera else image.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            problems.add(name, "undecodable", str(error), of)


def _encoded(cell: Any, root: Path) -> bytes | None:
    """An image's file, or None where the row has none, or names one that is not there."""
    if not isinstance(cell, dict):
        return None
    data, path = cell.get("bytes"), cell.get("path")
    if data is None and isinstance(path, str) and (root / path).is_file():
        return (root / path).read_bytes()
    return data if isinstance(data, bytes) else None
