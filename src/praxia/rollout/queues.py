"""Queues of jobs in groups, such as tasks, that keep each worker with one group while they can.

Beginning a task costs a simulator and its meshes: most of a second and 100 MB, as much as an episode.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar, runtime_checkable

__all__ = ["GroupedQueue", "JobQueue", "OrderedQueue"]

Item = TypeVar("Item")
ItemOut = TypeVar("ItemOut", covariant=True)


@runtime_checkable
class JobQueue(Protocol[ItemOut]):
    """Items that workers take one by one."""

    def take(self, worker: Hashable) -> ItemOut | None:
        """The next item for `worker`; None: nothing is left."""
        ...


class GroupedQueue(Generic[Item]):
    """A queue that finishes groups: each worker stays with its group, then helps the group with the most items left.

    Each group's items come in the given order.
    """

    def __init__(self, items: Iterable[Item], group: Callable[[Item], Hashable]):
        self._group = group
        self._queues: dict[Hashable, deque[Item]] = {}
        self._group_of_worker: dict[Hashable, Hashable] = {}
        for item in items:
            self._queues.setdefault(group(item), deque()).append(item)

    def take(self, worker: Hashable) -> Item | None:
        """The next item for `worker`, from the group of its last one while that has any; None: nothing is left."""
        own = self._queues.get(self._group_of_worker.get(worker))
        queue = own or max(self._queues.values(), key=len, default=None)
        if not queue:
            return None
        self._group_of_worker[worker] = self._group(queue[0])
        return queue.popleft()

    def put_back(self, item: Item) -> None:
        """Make `item` the next one of its group again."""
        self._queues[self._group(item)].appendleft(item)


class OrderedQueue(Generic[Item]):
    """A queue that keeps the given order, except that a worker prefers groups that it had last.

    Of the next `lookahead` items, a worker takes the first whose group was last its own or nobody's; if there is none,
    the first of all. Each group thus stays with one worker. If `lookahead` spans a round of all groups, every worker
    cycles through the same few groups and helps out where a round would end late.
    """

    def __init__(self, items: Iterable[Item], group: Callable[[Item], Hashable], lookahead: int):
        self._items = list(items)
        self._group = group
        self._lookahead = lookahead
        self._last_worker: dict[Hashable, Hashable] = {}

    def take(self, worker: Hashable) -> Item | None:
        """The next item for `worker`; None: nothing is left."""
        if not self._items:
            return None
        last_workers = [self._last_worker.get(self._group(item)) for item in self._items[: self._lookahead]]
        index = next((at for at, last in enumerate(last_workers) if last in (worker, None)), 0)
        item = self._items.pop(index)
        self._last_worker[self._group(item)] = worker
        return item
