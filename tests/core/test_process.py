import os
import subprocess
import sys
from pathlib import Path

import pytest

from praxia.core import process
from praxia.core.errors import GraphicsError, PraxiaError
from praxia.core.process import available_cores, limit_threads, run_in_subprocess


def settings() -> dict[str, str]:
    return {"pid": str(os.getpid()), "threads": os.environ["OMP_NUM_THREADS"], "gl": os.environ["MUJOCO_GL"]}


def refuse() -> None:
    raise GraphicsError("no OpenGL: install it")


def vanish() -> None:
    os._exit(7)


def test_a_function_runs_in_a_process_of_its_own_with_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    found = run_in_subprocess(settings)
    assert int(found["pid"]) != os.getpid()
    assert (found["threads"], found["gl"]) == ("1", "osmesa")
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_bad_input_comes_back_as_one_line():
    with pytest.raises(PraxiaError, match="no OpenGL: install it"):
        run_in_subprocess(refuse)


def test_a_dead_process_is_described():
    with pytest.raises(RuntimeError, match="exit code 7"):
        run_in_subprocess(vanish)


UNGUARDED = """
from functools import partial

from praxia.core.process import run_in_subprocess

print("begins")
print(run_in_subprocess(partial(max, 1, 2)))
"""

OWN = """
from praxia.core.process import run_in_subprocess

def double():
    return 2 * 21

if __name__ == "__main__":
    print(run_in_subprocess(double))
"""


@pytest.mark.parametrize(("script", "printed"), [(UNGUARDED, "begins\n2\n"), (OWN, "42\n")], ids=["unguarded", "own"])
def test_a_script_is_not_run_again_by_its_processes(tmp_path, script, printed):
    """It is imported only for what it defines itself."""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of eight cores, whose system files are as given."""

    def do(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return do


V1 = "11:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 8),
        (  # a pod's group, and a smaller one around it
            {
                "proc/self/cgroup": "0::/kube/pod/one\n",
                "sys/fs/cgroup/kube/pod/one/cpu.max": "600000 100000\n",
                "sys/fs/cgroup/kube/pod/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/kube/cpu.max": "max 100000\n",
            },
            3,
        ),
        (  # v1, seen from the host and from inside
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
    ],
)
def test_cores_are_those_that_this_process_is_bound_to_and_granted(machine, files, cores):
    assert available_cores(machine(files)) == cores


def test_thread_limits_follow_the_quota_unless_the_user_has_set_them(monkeypatch):
    monkeypatch.setattr(process, "_quotas", lambda system: iter([0.5]))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is restored
    monkeypatch.delenv("OMP_NUM_THREADS")
    limit_threads()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    limit_threads()
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_no_verb_counts_cores_that_it_may_not_use():
    """Every other count is that of the machine, also of cores that this process may not use."""
    package = Path(process.__file__).parents[1]
    for path in package.rglob("*.py"):
        if path.name != "process.py":
            assert "cpu_count" not in path.read_text(), path


SCRIPT = """
import signal
from praxia.core.process import run_in_subprocess
def blocked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
if __name__ == "__main__":
    print(run_in_subprocess(blocked), run_in_subprocess(blocked), blocked())
"""


def test_every_worker_ignores_interrupts_also_the_first(tmp_path):
    (tmp_path / "telling.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "telling.py"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
