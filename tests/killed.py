"""A process that SIGKILLs itself at its n-th fsync: `killed.py stage|finalize|delete|relabel ROOT N [INDEX ... | OUT]`.

`delete` takes episode 1 out of the data set ROOT into OUT, `relabel` writes ROOT with other actions into OUT.
"""

import os
import signal
import sys
from pathlib import Path

import synthetic
import video_testing

from praxia.data.finalize import finalize
from praxia.data.staging import stage_episode
from praxia.datatools.edit.operations import delete
from praxia.datatools.relabel import relabel

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
elif verb == "relabel":
    relabel(root, Path(sys.argv[4]), video_testing.Brightness(), {})
else:
    finalize(root, synthetic.EMBODIMENT, {"seed": 0})
