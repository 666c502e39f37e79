"""A process that SIGKILLs itself at its n-th fsync: `killed.py stage|finalize|delete ROOT N [INDEX ... | OUT]`.

`delete` takes episode 1 out of the data set ROOT into OUT.
"""

import os
import signal
import sys

import synthetic

from praxia.data.finalize import finalize
from praxia.data.staging import stage_episode
from praxia.datatools.edit.operations import delete

verb, root, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
calls = 0
fsync = os.fsync


def counting(descriptor):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)


os.fsync = counting
if verb == "stage":
    for index in map(int, sys.argv[4:]):
        stage_episode(root, index, synthetic.episode(index))
elif verb == "delete":
    delete(root, "1", sys.argv[4])
else:
    finalize(root, synthetic.EMBODIMENT, {"seed": 0})
