import gc
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from praxia.core.memory import PeakMemory, SharedMemory, allocated_memory, available_memory, own_memory, resident_memory
from praxia.core.process import Worker


def add_one(connection):
    memory = SharedMemory.receive(connection)
    memory.bytes[0] += 1
    connection.send(memory.size)
    connection.recv()


def test_both_processes_see_what_either_writes():
    memory = SharedMemory(5000)
    memory.bytes[0] = 41
    worker = Worker(add_one)
    memory.send(worker.connection)
    assert worker.connection.recv() == 5000
    assert memory.bytes[0] == 42
    worker.close()


def test_shared_memory_is_freed_with_its_last_process():
    memory = SharedMemory(5000)
    file = f"/proc/self/fd/{memory._file}"
    assert os.readlink(file).startswith("/memfd:praxia")
    del memory
    gc.collect()
    assert not os.path.exists(file)


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from praxia.core.errors import PraxiaError
from praxia.core.memory import SharedMemory
memory = SharedMemory(4096)
memory.bytes[:] = b"x" * 4096
try:
    SharedMemory(10_000_000)
except PraxiaError as error:
    print(error)
"""


def test_too_little_memory_is_one_line_with_advice():
    done = subprocess.run([sys.executable, "-B", "-c", LIMITED], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot allocate 10.0 MB of memory")
    assert "fewer --workers" in done.stdout
    assert len(done.stdout.splitlines()) == 1


V1 = "11:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n"
GB = 10**9
MACHINE = {"proc/meminfo": "MemTotal:       24684084 kB\nMemAvailable:    8000000 kB\n"}


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, None),
        (MACHINE, 8_192_000_000),
        ({**MACHINE, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 8_192_000_000),
        (  # a pod's group, whose caches can be dropped, and a larger one around it
            {
                **MACHINE,
                "proc/self/cgroup": "0::/kube/pod\n",
                "sys/fs/cgroup/kube/pod/memory.max": f"{4 * GB}\n",
                "sys/fs/cgroup/kube/pod/memory.current": f"{3 * GB}\n",
                "sys/fs/cgroup/kube/pod/memory.stat": f"anon {2 * GB}\nactive_file {GB}\ninactive_file 7\n",
                "sys/fs/cgroup/kube/memory.max": f"{64 * GB}\n",
                "sys/fs/cgroup/kube/memory.current": f"{3 * GB}\n",
            },
            2 * GB + 7,
        ),
        (  # v1, seen from inside
            {
                **MACHINE,
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GB}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GB}\n",
                "sys/fs/cgroup/memory/memory.stat": "active_file 1\ntotal_active_file 5\ntotal_inactive_file 6\n",
            },
            GB + 11,
        ),
        (  # a group that is over its limit
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "100\n",
                "sys/fs/cgroup/memory.current": "200\n",
            },
            0,
        ),
    ],
)
def test_available_memory_is_what_the_machine_and_the_groups_leave(tmp_path, files, available):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_memory(tmp_path) == available


def test_a_peak_is_seen_after_it_has_passed():
    before = own_memory()
    peak = PeakMemory()
    with peak:
        block = np.ones(100_000_000, np.uint8)
        block[::4096] += 1
        end_s = time.monotonic() + 60
        while peak.gained < 90_000_000 and time.monotonic() < end_s:
            time.sleep(0.001)  # on a busy machine whoever samples comes late
        del block
    assert 90_000_000 < peak.gained < 200_000_000
    assert own_memory() < before + 50_000_000
    assert resident_memory() > own_memory()


@pytest.mark.skipif(not allocated_memory(), reason="the C library does not tell what is allocated")
def test_a_peak_within_gaps_that_were_freed_before_is_seen():
    """Half of many small blocks are freed: what is allocated next needs no more memory from the system."""
    blocks = [np.ones(8000, np.uint8) for _ in range(20_000)]
    peak = PeakMemory()
    with peak:
        pass
    assert peak.gained < 10_000_000
    del blocks[::2]
    peak, own = PeakMemory(), own_memory()
    with peak:
        more = [np.ones(7000, np.uint8) for _ in range(8000)]
    assert own_memory() - own < 20_000_000
    assert 50_000_000 < peak.gained < 90_000_000
    del more
    with peak:
        pass
    assert peak.gained < 10_000_000
