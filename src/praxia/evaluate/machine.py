"""How an evaluation shares the machine's cores."""

import os

__all__ = ["available_cores", "default_workers"]


def available_cores() -> int:
    """The cores that this process may use: fewer than the machine's where it was bound to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """How many processes simulate: one a core, although the policy thinks on one of the cores too.

    A worker has four episodes, so it waits for the policy only when all of them do, and while it simulates or draws the
    policy's process mostly waits for it: with one worker fewer a core is idle then. With one more the work is the same,
    and there is a simulator's memory more.
    """
    return available_cores()
