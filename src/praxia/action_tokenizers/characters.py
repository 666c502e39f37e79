"""Integers as the characters of a text, without a step of Python for each."""

import numpy as np
from jaxtyping import Int64

__all__ = ["integers_of", "texts_of"]


def texts_of(integers: Int64[np.ndarray, "B N"]) -> list[str]:
    """Each row as the text of the characters with those code points (0 to 0xD7FF)."""
    width = integers.shape[1]
    text = integers.astype("<u4").tobytes().decode("utf-32-le")
    return [text[at : at + width] for at in range(0, integers.size, width)]


def integers_of(text: str) -> Int64[np.ndarray, " N"]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int64)
