"""Whether the values of one feature have the declared shape and kind, and are finite."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64, Shaped

from praxia.data.columns import matrix

__all__ = ["check_values"]

FAMILIES = {"f": "floats", "i": "whole numbers", "u": "whole numbers", "b": "booleans"}

# Called with a kind of problem, what it is, and in which rows.
Note = Callable[[str, str, Bool[np.ndarray, " N"]], None]


def check_values(
    feature: str, declared: Mapping[str, Any], column: pa.ChunkedArray, note: Note
) -> Shaped[np.ndarray, "N D"] | None:
    """The rows of a numeric feature, or None where not all of them are numbers, which `note` is told."""
    leaves, of_row, absent = _leaves(column.combine_chunks())
    expected, got = _family(declared["dtype"]), _family(_dtype_of(leaves.type))
    if pa.types.is_null(leaves.type):  # nothing was ever written there, so that its type is not known
        note("not-finite", f"{feature} is absent", absent)
        return None
    if expected != got:
        everywhere = np.ones(len(column), dtype=bool)
        note("wrong-shape", f"{feature} is declared as {declared['dtype']} and holds {leaves.type}", everywhere)
    if expected is None or expected != got:
        return None
    note("not-finite", f"{feature} is absent", absent)
    size = int(np.prod(declared["shape"], dtype=object))
    ragged = np.logical_and(np.bincount(of_row, minlength=len(column)) != size, ~absent)
    note("wrong-shape", f"{feature} has not the shape {declared['shape']}", ragged)
    if ragged.any() or absent.any():
        return None
    values = matrix(column)
    unusable = np.logical_not(np.isfinite(values.astype(np.float64)).all(axis=1))
    note("not-finite", f"{feature} is NaN or infinite", unusable)
    return None if unusable.any() else values


def _leaves(flat: pa.Array) -> tuple[pa.Array, Int64[np.ndarray, " M"], Bool[np.ndarray, " N"]]:
    """The numbers of a column however deep they are nested, the row of each, and which rows lack one."""
    of_row, absent = np.arange(len(flat)), np.zeros(len(flat), dtype=bool)
    while True:
        absent[of_row[flat.is_null().to_numpy(zero_copy_only=False)]] = True
        if not (pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or _is_fixed(flat.type)):
            return flat, of_row, absent
        sizes = pc.call_function("list_value_length", [flat]).fill_null(0).to_numpy(zero_copy_only=False)
        of_row, flat = np.repeat(of_row, sizes.astype(np.int64)), flat.flatten()


def _is_fixed(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind)


def _family(dtype: Any) -> str | None:
    """What a dtype holds, whatever its width; None if no numbers."""
    try:
        return FAMILIES.get(np.dtype(dtype).kind)
    except TypeError:
        return None


def _dtype_of(kind: pa.DataType) -> Any:
    try:
        return kind.to_pandas_dtype()
    except NotImplementedError:
        return object
