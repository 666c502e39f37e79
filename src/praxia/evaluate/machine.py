"""How an evaluation shares the machine's cores."""

import os

__all__ = ["available_cores", "default_workers"]


def available_cores() -> int:
    """The cores that this process may use: fewer than the machine's where it was bound to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """How many processes simulate: one a core, although the policy thinks on one of the cores too.

    A step costs the same CPU time however many workers share the work, so what counts is that no core is idle. A
    worker has four episodes and waits for the policy only when all of them do; the policy's process mostly waits for
    pictures, even at 80 px, where its share is a quarter of the work. With one worker fewer a core would therefore be
    idle most of the time, and one more would find none free and take a simulator's memory.
    """
    return available_cores()
