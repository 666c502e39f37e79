"""Tasks in turn: the order in which pairs of episodes are planned, run and counted."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TypeVar

from praxia.core.keys import content_key

__all__ = ["in_turn"]

Item = TypeVar("Item")


def in_turn(items: Iterable[Item], task: Callable[[Item], str]) -> Iterator[Item]:
    """The first item of every task, then the second of every task that has one, and so on.

    Each round has its own order of tasks, the same for everyone: with a fixed order, whoever stops within a round would
    always lack the same tasks. It does not depend on which other tasks there are, so that what a stopped comparison
    left, which may lack some, is read in the order in which it was run.
    """
    queues: dict[str, deque[Item]] = {}
    for item in items:
        queues.setdefault(task(item), deque()).append(item)
    for turn in count():
        if not queues:
            return
        for name in sorted(queues, key=lambda name: content_key(["turn", turn, name])):
            yield queues[name].popleft()
        queues = {name: queue for name, queue in queues.items() if queue}
