"""A process that SIGKILLs itself at its n-th fsync while it deletes an episode: `killed.py ROOT OUT N`."""

import os
import signal
import sys

from praxia.data.edit.operations import delete

root, out, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
calls = 0
fsync = os.fsync


def counting(descriptor):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)


os.fsync = counting
delete(root, "1", out)
