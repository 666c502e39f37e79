"""Memory that processes share."""

import mmap
import os
import weakref
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle

from praxia.core.errors import PraxiaError

__all__ = ["SharedMemory"]


class SharedMemory:
    """`size` bytes that this process shares with the processes it sends them to; freed when the last of them ends.

    It has no name, so killed processes leave nothing behind, and it does not use /dev/shm, of which a container often
    has only 64 MB. All of it is allocated at once: where memory is only promised and runs out, writing to it kills the
    process (SIGBUS).

    Raises:
        PraxiaError: there is not enough memory.
    """

    def __init__(self, size: int):
        try:
            self._map(os.memfd_create("praxia"), size)
        except OSError as error:
            raise PraxiaError(
                f"cannot allocate {size / 1e6:.1f} MB of memory shared with a worker process ({error.strerror}); "
                "use fewer --workers or smaller batches, or give the container more memory"
            ) from error

    @classmethod
    def receive(cls, connection: Connection) -> "SharedMemory":
        """The memory that the process at the other end sends next.

        Raises:
            EOFError: that process has ended.
        """
        memory = cls.__new__(cls)
        memory._map(recv_handle(connection))
        return memory

    def _map(self, file: int, size: int = 0) -> None:
        """Take over the open `file`, and let it grow to at least `size`."""
        self._file = file
        weakref.finalize(self, os.close, file)
        if size:
            os.posix_fallocate(file, 0, size)
        self.bytes = mmap.mmap(file, 0)

    @property
    def size(self) -> int:
        return len(self.bytes)

    def send(self, connection: Connection) -> None:
        """Share it with the process at the other end, which must call `receive`.

        Raises:
            BrokenPipeError, ConnectionResetError: that process has ended.
        """
        send_handle(connection, self._file, None)
