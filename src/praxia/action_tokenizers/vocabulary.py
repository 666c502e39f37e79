"""What FAST needs of a vocabulary of integer sequences."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int8, Int64

__all__ = ["IntegerVocabulary"]


@runtime_checkable
class IntegerVocabulary(Protocol):
    """Sequences of integers <-> shorter sequences of ids. Axes: B rows, N integers a row, L ids a row."""

    # At most: 1 where every id stands for one integer or more.
    tokens_per_integer: ClassVar[int]

    @property
    def size(self) -> int: ...

    def lengths(self) -> Int64[np.ndarray, " V"]:
        """How many integers each id stands for. Raises MismatchError where an id may be a part of one."""
        ...

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        """The integers themselves where they are in the alphabet, else the nearest one that is."""
        ...

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        """The ids of each row; every integer must be in the alphabet."""
        ...

    def decode(
        self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        """The `num` integers of each row and the row's `codes.Status`; zeros where that is not OK."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `from_json` turns back into an equal vocabulary."""
        ...
