"""The process group that a run's processes are joined by."""

import subprocess
import sys

LEAVES = """
import atexit
from torch import distributed
from praxia.training.fabric import leave_at_exit

atexit.register(lambda: print("joined" if distributed.is_initialized() else "left"))  # runs last
distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
leave_at_exit()
leave_at_exit()
"""


def test_a_process_leaves_its_group_before_the_interpreter_ends():
    done = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "left\n"), done.stderr
