"""A simulator's state as bytes: JSON and raw numbers, compressed, never a pickle."""

import json
import zlib
from typing import Any

import numpy as np

from praxia.core.keys import canonical_json

__all__ = ["decode", "encode"]


def encode(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A JSON object and named arrays -> bytes: the same content gives the same bytes."""
    shapes = {name: [item.dtype.str, list(item.shape)] for name, item in arrays.items()}
    header = canonical_json({"values": values, "arrays": shapes}).encode()
    numbers = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    return zlib.compress(len(header).to_bytes(4, "little") + header + numbers, level=1)


def decode(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of `encode`, bit for bit."""
    plain = zlib.decompress(content)
    at = 4 + int.from_bytes(plain[:4], "little")
    header = json.loads(plain[4:at])
    arrays = {}
    for name, (dtype, shape) in sorted(header["arrays"].items()):
        arrays[name] = np.frombuffer(plain, dtype, int(np.prod(shape)), at).reshape(shape).copy()
        at += arrays[name].nbytes
    return header["values"], arrays
