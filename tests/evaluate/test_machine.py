import os
import subprocess
import sys

import pytest

from praxia.core.process import available_cores
from praxia.evaluate.machine import default_workers

BOUND = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from praxia.evaluate.machine import default_workers
print(default_workers())
"""


def test_there_is_a_worker_a_core():
    assert 1 <= default_workers() == available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_cores_that_a_process_may_not_use_do_not_count():
    done = subprocess.run([sys.executable, "-c", BOUND], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
