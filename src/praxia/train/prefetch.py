"""Batches made beside the arithmetic: reading, normalising and tokenising take no time of the optimiser's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")


def prefetch(make: Callable[[int], T], first: int, end: int) -> Iterator[tuple[int, T]]:
    """(step, make(step)) for each step from `first`, the next one made in a thread while this one is used.

    What `make` raises is raised at its own step.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as thread:
        coming = thread.submit(make, first) if first < end else None
        for step in range(first, end):
            assert coming is not None
            made = coming.result()
            coming = thread.submit(make, step + 1) if step + 1 < end else None
            yield step, made
