"""The priority that the operating system gives this process.

The encoder SVT-AV1, opened by root, gives the calling thread real-time priority (SCHED_FIFO, 99). All threads and
processes that it starts afterwards inherit it: two browsers with it leave nothing else a core.
"""

import os
from contextlib import contextmanager

__all__ = ["restore_priority", "usual_priority"]

AT_START = (os.sched_getscheduler(0), os.sched_getparam(0)) if hasattr(os, "sched_getscheduler") else None


def restore_priority():
    """Give this thread the priority with which the process began."""
    if AT_START is not None and os.sched_getscheduler(0) != AT_START[0]:
        os.sched_setscheduler(0, *AT_START)


@contextmanager
def usual_priority():
    """Undo what the body does to the priority of this thread."""
    try:
        yield
    finally:
        restore_priority()
