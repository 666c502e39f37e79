"""Snapshots of a simulator as bytes, compressed JSON and raw numbers: what all environments share."""

import json
import zlib
from typing import Any

import numpy as np

from praxia.core.errors import MismatchError
from praxia.core.keys import canonical_json

__all__ = ["check_start", "decode_snapshot", "encode_snapshot"]


def encode_snapshot(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """From a JSON object and named arrays to bytes. Equal content gives equal bytes."""
    shapes = {name: [item.dtype.str, list(item.shape)] for name, item in arrays.items()}
    header = canonical_json({"values": values, "arrays": shapes}).encode()
    numbers = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    return zlib.compress(len(header).to_bytes(4, "little") + header + numbers, level=1)


def decode_snapshot(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of `encode_snapshot`, bit for bit."""
    plain = zlib.decompress(content)
    offset = 4 + int.from_bytes(plain[:4], "little")
    header = json.loads(plain[4:offset])
    arrays = {}
    for name, (dtype, shape) in sorted(header["arrays"].items()):
        arrays[name] = np.frombuffer(plain, dtype, int(np.prod(shape)), offset).reshape(shape).copy()
        offset += arrays[name].nbytes
    return header["values"], arrays


def check_start(snapshot_start: str, episode_start: str) -> None:
    """Check that a snapshot has the start key of the episode under way.

    Raises:
        MismatchError: it has another.
    """
    if snapshot_start != episode_start:
        raise MismatchError(
            f"this snapshot is of start {snapshot_start}, but the episode under way has start {episode_start}; "
            "reset to the snapshot's own start first"
        )
