"""Tasks in turn: the order in which pairs of episodes are planned, run and counted."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TypeVar

from praxia.core.keys import generator

__all__ = ["in_turn"]

Item = TypeVar("Item")


def in_turn(items: Iterable[Item], task: Callable[[Item], str]) -> Iterator[Item]:
    """The first item of every task, then the second of every task that has one, and so on.

    Each round has its own order of tasks, the same for everyone: with a fixed order, whoever stops within a round would
    always lack the same tasks.
    """
    queues: dict[str, deque[Item]] = {}
    for item in items:
        queues.setdefault(task(item), deque()).append(item)
    for turn in count():
        if not queues:
            return
        for name in generator("turn", turn).permutation(sorted(queues)).tolist():
            yield queues[name].popleft()
        queues = {name: queue for name, queue in queues.items() if queue}
