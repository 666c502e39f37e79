"""The names of dims: what tells two orders of the same joints apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.core.embodiment import Embodiment

__all__ = ["Difference", "difference", "named_otherwise", "order_of"]


@dataclass(frozen=True)
class Difference:
    """Where two lists of names part, in words. `reordered`: they hold the same names."""

    text: str
    reordered: bool


def difference(mine: Embodiment, theirs: Embodiment) -> Difference | None:
    """The first dim of state or action that two embodiments with equal fields name differently.

    A field whose dims have no names differs from none.
    """
    for what in ("state", "action"):
        for one, other in zip(getattr(mine, what), getattr(theirs, what), strict=False):
            if found := named_otherwise(what, one.dims, other.dims):
                return found
    return None


def named_otherwise(what: str, mine: Sequence[str], theirs: Sequence[str]) -> Difference | None:
    """The first of the dims of `what` that has two names; None: there is none, or one of them has no names at all."""
    at = next((at for at, (one, other) in enumerate(zip(mine, theirs, strict=False)) if one != other), None)
    if at is None:
        return None
    reordered = sorted(mine) == sorted(theirs)
    order = ", the same names in another order" if reordered else ""
    said = f"dim {at} of {what} is {mine[at]!r} in the first and {theirs[at]!r} in the second"
    return Difference(said + order, reordered)


def order_of(names: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """Which of `names` are to be taken for `wanted`, one after the other; None: they are not the same names."""
    if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
        return None
    return tuple(list(names).index(name) for name in wanted)
