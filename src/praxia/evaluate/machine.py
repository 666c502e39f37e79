"""How an evaluation shares the machine's cores."""

from praxia.core.process import available_cores

__all__ = ["default_workers"]


def default_workers() -> int:
    """How many processes simulate: one a core, although the policy thinks on one of the cores too.

    A step costs the same CPU time however many workers share the work, so what counts is that no core is idle. A
    worker has four episodes and waits for the policy only when all of them do; the policy's process mostly waits for
    images, even at 80 px, where its share is a quarter of the work. With one worker fewer a core would therefore be
    idle most of the time, and one more would find none free and take a simulator's memory.
    """
    return available_cores()
