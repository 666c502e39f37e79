"""Work in groups, handed out so that whoever has done a piece of a group gets the next piece of it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Waiting"]

Item = TypeVar("Item")


class Waiting(Generic[Item]):
    """Items in groups, each group in the order given.

    To begin a task costs a simulator and its meshes: most of a second and 100 MB, as much as an episode. Who stays
    with a group pays once; who has finished one helps the group with the most items left.
    """

    def __init__(self, items: Iterable[Item], group: Callable[[Item], Hashable]):
        self._group = group
        self._queues: dict[Hashable, deque[Item]] = {}
        for item in items:
            self._queues.setdefault(group(item), deque()).append(item)

    def take(self, before: Item | None) -> Item | None:
        """The next item for whoever did the item `before` (None: nobody yet); None: nothing is left."""
        mine = self._queues.get(self._group(before)) if before is not None else None
        queue = mine or max(self._queues.values(), key=len, default=None)
        return queue.popleft() if queue else None

    def put_back(self, item: Item) -> None:
        """`item` is next in its group again."""
        self._queues[self._group(item)].appendleft(item)
