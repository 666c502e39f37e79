"""A thread of an episode, which can fail and be started again."""

import threading
from collections.abc import Callable

__all__ = ["Worker"]


class Worker:
    """Runs `work` in the background. `fault` is what it failed with; `start` has it go on after that.

    Its thread does not keep the process alive: what an episode has on disk by then the next recorder recovers.
    """

    def __init__(self, name: str, work: Callable[[], None]):
        self._name, self._work = name, work
        self.fault: Exception | None = None
        self.start()

    def start(self) -> None:
        self.fault = None
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # whatever it is, the caller's thread must hear of it
            self.fault = error

    def join(self) -> None:
        self._thread.join()
