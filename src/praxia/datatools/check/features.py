"""Checks the values of one feature: shape, type and finiteness of numbers, size and integrity of encoded images."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64, Shaped
from PIL import Image

from praxia.data.features import image_size
from praxia.data.images import to_rgb, upright_size
from praxia.data.parquet import matrix
from praxia.datatools.check.problems import Problems

__all__ = ["check_images", "check_values"]

DTYPE_KINDS = {"f": "floats", "i": "integers", "u": "integers", "b": "booleans"}

# Called with the kind of problem, its detail, and a mask of the affected rows.
AddProblem = Callable[[str, str, Bool[np.ndarray, " N"]], None]


def check_values(
    feature: str, declared: Mapping[str, Any], column: pa.ChunkedArray, add_problem: AddProblem
) -> Shaped[np.ndarray, "N D"] | None:
    """The rows of a numeric feature; None if not all are valid, which is passed to `add_problem`."""
    leaves, of_row, absent = _leaves(column.combine_chunks())
    expected, got = _dtype_kind(declared["dtype"]), _dtype_kind(_dtype_of(leaves.type))
    if pa.types.is_null(leaves.type):  # nothing was ever written there, so its type is unknown
        add_problem("not-finite", f"{feature} is absent", absent)
        return None
    if expected != got:
        everywhere = np.ones(len(column), dtype=bool)
        add_problem("wrong-shape", f"{feature} is declared as {declared['dtype']} and holds {leaves.type}", everywhere)
    if expected is None or expected != got:
        return None
    add_problem("not-finite", f"{feature} is absent", absent)
    size = int(np.prod(declared["shape"], dtype=object))
    wrong_size = np.logical_and(np.bincount(of_row, minlength=len(column)) != size, ~absent)
    add_problem("wrong-shape", f"{feature} does not have the shape {declared['shape']}", wrong_size)
    if wrong_size.any() or absent.any():
        return None
    values = matrix(column)
    not_finite = np.logical_not(np.isfinite(values.astype(np.float64)).all(axis=1))
    add_problem("not-finite", f"{feature} is NaN or infinite", not_finite)
    return None if not_finite.any() else values


def _leaves(flat: pa.Array) -> tuple[pa.Array, Int64[np.ndarray, " M"], Bool[np.ndarray, " N"]]:
    """The numbers of a nested column, the row of each, and a mask of the rows that lack one."""
    of_row, absent = np.arange(len(flat)), np.zeros(len(flat), dtype=bool)
    while True:
        absent[of_row[flat.is_null().to_numpy(zero_copy_only=False)]] = True
        if not (pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or _is_fixed(flat.type)):
            return flat, of_row, absent
        sizes = pc.call_function("list_value_length", [flat]).fill_null(0).to_numpy(zero_copy_only=False)
        of_row, flat = np.repeat(of_row, sizes.astype(np.int64)), flat.flatten()


def _is_fixed(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind)


def _dtype_kind(dtype: Any) -> str | None:
    """What a dtype holds regardless of its width; None if not numbers."""
    try:
        return DTYPE_KINDS.get(np.dtype(dtype).kind)
    except TypeError:
        return None


def _dtype_of(kind: pa.DataType) -> Any:
    try:
        return kind.to_pandas_dtype()
    except NotImplementedError:
        return object


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
    """Check each image of `column`, PNG or JPEG among the rows or in files of their own, in the data file `name`.

    Reports images that are missing, damaged, or not as `declared`. Images of a `camera` must have color channels.
    `owner` is the episode of each row, -1 if unknown. Paths are relative to `root`, as they are for the reader.
    """
    expected = image_size(declared)
    for episode, cell in zip(owner.tolist(), column.to_pylist(), strict=True):
        episodes = None if episode < 0 else [episode]
        try:
            data = _image_bytes(cell, root)
            if data is None:
                problems.add(name, "missing-frames", "a row has no image", episodes)
                continue
            with Image.open(io.BytesIO(data)) as image:
                size = upright_size(image)
                if size != expected:  # checked before decoding: a damaged header may promise gigabytes
                    problems.add(name, "camera", f"expected an image of {expected}, got {size}", episodes)
                    continue
                to_rgb(image) if camera else image.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            problems.add(name, "undecodable", str(error), episodes)


def _image_bytes(cell: Any, root: Path) -> bytes | None:
    """The encoded image; None if the row has none or refers to a missing file."""
    if not isinstance(cell, dict):
        return None
    data, path = cell.get("bytes"), cell.get("path")
    if data is None and isinstance(path, str) and (root / path).is_file():
        return (root / path).read_bytes()
    return data if isinstance(data, bytes) else None
