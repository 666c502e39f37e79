"""Snapshots as bytes: named arrays and JSON values, compressed, never a pickle."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from praxia.core.keys import canonical_json

__all__ = ["decode", "encode"]


def encode(values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """JSON values and arrays of numbers -> bytes. The same content gives the same bytes."""
    header = canonical_json(
        {"values": values, "arrays": [[name, item.dtype.str, list(item.shape)] for name, item in arrays.items()]}
    ).encode()
    body = b"".join(np.ascontiguousarray(item).tobytes() for item in arrays.values())
    return zlib.compress(len(header).to_bytes(4, "little") + header + body, level=1)


def decode(snapshot: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of `encode`. Floats and arrays come back bit for bit."""
    content = zlib.decompress(snapshot)
    at = 4 + int.from_bytes(content[:4], "little")
    header = json.loads(content[4:at])
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=int))
        arrays[name] = np.frombuffer(content, np.dtype(dtype), count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    return header["values"], arrays
