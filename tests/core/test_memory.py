import gc
import os
import subprocess
import sys

from praxia.core.memory import SharedMemory
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
