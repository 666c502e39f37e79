"""A few out of many, by a draw that everybody can repeat."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from praxia.results.rows import Row

__all__ = ["tasks_in_turn"]

Item = TypeVar("Item")


def tasks_in_turn(items: Sequence[Item], row: Callable[[Item], Row]) -> list[Item]:
    """Tasks take turns, those with the most items first; within a task the item of the smallest start key is first.

    `row` gives an item's row. Start keys are hashes, so the first few are a draw by lot and no choice by looks.
    """
    tasks = [row(item).task for item in items]
    by_task = {task: [item for item in items if row(item).task == task] for task in dict.fromkeys(tasks)}
    places = [
        (turn, -len(mine), row(item).start, item)
        for mine in by_task.values()
        for turn, item in enumerate(sorted(mine, key=lambda item: row(item).start))
    ]
    return [item for *_, item in sorted(places, key=lambda place: place[:3])]
