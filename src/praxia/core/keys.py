"""Content addresses, and random streams keyed by them.

Starts and noise depend on keys alone: never on the number of workers, the order, or concurrent episodes.
"""

import hashlib
import json
from typing import Any

import numpy as np

__all__ = ["canonical_json", "content_key", "generator", "seed"]


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces: equal values give equal text. Refuses NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(value: Any) -> str:
    """16 hexadecimal digits of SHA-256 over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def generator(*key: str | int) -> np.random.Generator:
    """A counter-based random generator (Philox) whose stream is a pure function of `key`."""
    digest = hashlib.sha256(canonical_json(list(key)).encode()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)))


def seed(*key: str | int) -> int:
    """A 63-bit seed, a pure function of `key`, for a generator other than numpy's, such as torch's."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "little") >> 1
