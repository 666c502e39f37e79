import gc
import itertools
import os
import resource
import socket
import sys

import pytest
from hypothesis import HealthCheck, settings
from memory import free_memory, map_large_blocks, resident_mb
from scheduling import restore_priority, usual_priority

# The same examples every time, however slow the machine is beside other work.
settings.register_profile("praxia", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("praxia")
os.environ.setdefault("MUJOCO_GL", "egl")
map_large_blocks()

# What a test process may need at its peak; machines with two cores run two of them. The aim is 1500 (docs/LOG.md).
MAX_WORKER_MB = 2000
PEAKS_MB = pytest.StashKey[dict[str, int]]()
FREED_MB = pytest.StashKey[float]()
GROWTHS_MB = pytest.StashKey[list[tuple[int, str]]]()
TESTS = itertools.count()


# The folders whose files take longest, from the one that takes most.
LONGEST = ("studies", "training", "evaluation", "cli", "envs")


def pytest_collection_modifyitems(items):
    """Run the longest files first, so that no process is left with one of them at the end.

    With the option that keeps pytest-xdist from taking those with most tests first (Makefile).
    """
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: min((places[one] for one in item.path.parts if one in places), default=len(LONGEST)))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """What has been imported stays: looking for garbage in it would take a third of the time of short tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Any attempt to reach another machine fails the test that made it."""

    def refuse(self, address):
        if self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1", "localhost"):
            return connect(self, address)
        raise AssertionError(f"a test tried to reach {address}")

    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True, scope="session")
def cache_base(tmp_path_factory):
    """Images that fixtures decode are kept here, not in the user's own cache."""
    base = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRAXIA_CACHE", str(base / "fixtures"))
        yield base


@pytest.fixture(autouse=True)
def own_cache(cache_base, monkeypatch):
    """The folder of this test's decoded images: no other test has filled it."""
    folder = cache_base / str(next(TESTS))
    monkeypatch.setenv("PRAXIA_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """Every test begins with one thread, also after one that evaluated a policy with more."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_priority():
    """No test runs with a priority that another test, or a fixture, has left."""
    with usual_priority():
        restore_priority()
        yield


@pytest.fixture(autouse=True)
def freed_memory(request):
    """Free what tests leave behind whenever the process has grown by 100 MB, so that it stays below its limit."""
    yield
    _note_growth(request)
    freed_mb = request.config.stash.get(FREED_MB, 0.0)
    if resident_mb() > freed_mb + 100:
        free_memory()
        request.config.stash[FREED_MB] = resident_mb()


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _note_growth(request) -> None:
    """Remember the tests during which the worker's peak grew, to name them beside it."""
    growths = request.config.stash.setdefault(GROWTHS_MB, [])
    before_mb = growths[-1][0] if growths else 0
    if (peak_mb := _peak_mb()) > before_mb + 50:
        growths.append((peak_mb, request.node.nodeid))


def pytest_sessionfinish(session):
    """Report a worker's peak memory to the main process, which fails the run if it is above the limit."""
    config = session.config
    if hasattr(config, "workeroutput") and sys.platform == "linux":
        config.workeroutput["peak_mb"] = _peak_mb()
        config.workeroutput["growths_mb"] = config.stash.get(GROWTHS_MB, [])
    if any(peak_mb > MAX_WORKER_MB for peak_mb in config.stash.get(PEAKS_MB, {}).values()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    output = getattr(node, "workeroutput", {})
    if peak_mb := output.get("peak_mb"):
        node.config.stash.setdefault(PEAKS_MB, {})[node.gateway.id] = peak_mb
        node.config.stash.setdefault(GROWTHS_MB, []).extend(output["growths_mb"][-3:])


def pytest_terminal_summary(terminalreporter, config):
    for worker, peak_mb in sorted(config.stash.get(PEAKS_MB, {}).items()):
        verdict = "" if peak_mb <= MAX_WORKER_MB else f": FAILED, the limit is {MAX_WORKER_MB} MB"
        terminalreporter.write_line(f"peak memory of {worker}: {peak_mb:,} MB{verdict}")
    for peak_mb, test in config.stash.get(GROWTHS_MB, []):
        terminalreporter.write_line(f"  {peak_mb:,} MB at the end of {test}")
