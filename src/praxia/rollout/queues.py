"""Work in groups, handed out so that whoever has done a piece of a group gets the next piece of it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar, runtime_checkable

__all__ = ["GroupedQueue", "JobQueue", "OrderedQueue"]

Item = TypeVar("Item")
Given = TypeVar("Given", covariant=True)


@runtime_checkable
class JobQueue(Protocol[Given]):
    """Items that wait."""

    def take(self, who: Hashable) -> Given | None:
        """The next item for `who`; None: nothing is left."""
        ...


class GroupedQueue(Generic[Item]):
    """Items in groups, each group in the order given.

    To begin a task costs a simulator and its meshes: most of a second and 100 MB, as much as an episode. Who stays
    with a group pays once; who has finished one helps the group with the most items left.
    """

    def __init__(self, items: Iterable[Item], group: Callable[[Item], Hashable]):
        self._group = group
        self._queues: dict[Hashable, deque[Item]] = {}
        self._at: dict[Hashable, Hashable] = {}
        for item in items:
            self._queues.setdefault(group(item), deque()).append(item)

    def take(self, who: Hashable) -> Item | None:
        """The next item for `who`, of the group of its last one while that has any; None: nothing is left."""
        mine = self._queues.get(self._at.get(who))
        queue = mine or max(self._queues.values(), key=len, default=None)
        if not queue:
            return None
        self._at[who] = self._group(queue[0])
        return queue.popleft()

    def put_back(self, item: Item) -> None:
        """`item` is next in its group again."""
        self._queues[self._group(item)].appendleft(item)


class OrderedQueue(Generic[Item]):
    """Items in the order given, but for what is gained by leaving a group with whoever had it last.

    Of the `ahead` next items the first is taken whose group the same one had last, or nobody yet; if there is none, the
    first of all. So neighbours of one group are one worker's, and with a round of all groups in `ahead` everybody goes
    round among the same few groups, and helps out where a round would end late.
    """

    def __init__(self, items: Iterable[Item], group: Callable[[Item], Hashable], ahead: int):
        self._items = list(items)
        self._group = group
        self._ahead = ahead
        self._holder: dict[Hashable, Hashable] = {}

    def take(self, who: Hashable) -> Item | None:
        """The next item for `who`; None: nothing is left."""
        if not self._items:
            return None
        holders = [self._holder.get(self._group(item)) for item in self._items[: self._ahead]]
        at = next((place for place, holder in enumerate(holders) if holder in (who, None)), 0)
        item = self._items.pop(at)
        self._holder[self._group(item)] = who
        return item
