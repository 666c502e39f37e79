import os
import re
import resource
import signal
import sys

import numpy as np
import pytest

from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader import loader as loading
from praxia.dataloader.loader import Loader
from praxia.dataloader.loader import _serve as serve
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows

WINDOW = Window({"image.front": (-1, 0), "image.wrist": (0,), "state": (0,)}, horizon=3)


@pytest.fixture
def mixture(recorded):
    dataset = Dataset(recorded)
    return Mixture([Windows(dataset, WINDOW, range(dataset.num_episodes))])


def same(one, other):
    assert one.instruction == other.instruction
    for name in ("state", "state_valid", "action", "action_valid", "embodiment"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for camera in one.images:
        np.testing.assert_array_equal(one.images[camera], other.images[camera])
        np.testing.assert_array_equal(one.image_valid[camera], other.image_valid[camera])


def test_workers_give_the_batches_of_no_workers_from_any_step_on(mixture, synthetic):
    with (
        Loader(mixture, seed=3, batch_size=10, workers=0) as here,
        Loader(mixture, seed=3, batch_size=10, workers=2) as there,
    ):
        kept = []
        for (step, one), (again, other) in zip(here.batches(7, 27), there.batches(7, 27), strict=True):
            assert step == again
            same(one, other)
            kept.append(other)
        # What was taken stays what it was.
        same(kept[0], here.take(7))
        where = mixture.frames_of(mixture.batch(3, 26, 10))
        for image, (_, episode, frame) in zip(kept[-1].images["wrist"][:, 0], where, strict=True):
            assert synthetic.read_label(image) == ("wrist", episode, frame)


def test_ranks_share_a_batch(mixture):
    full_batch = Loader(mixture, seed=0, batch_size=9, workers=0).take(4)
    shares = [Loader(mixture, seed=0, batch_size=9, workers=0, share=(rank, 2)).take(4) for rank in range(2)]
    assert [len(share.state) for share in shares] == [5, 4]
    for rank, share in enumerate(shares):
        np.testing.assert_array_equal(share.state, full_batch.state[rank::2])


def test_an_error_is_raised_at_its_own_step(mixture, tmp_path):
    with Loader(mixture, seed=0, batch_size=4, workers=1) as loader:
        loader.take(0)
        with pytest.raises(PraxiaError, match="expected step 1 next, got 5"):
            loader.take(5)
        os.kill(loader._workers[0].process.pid, signal.SIGKILL)
        with pytest.raises(PraxiaError, match=r"worker process died \(signal 9\) (while|before) it read step"):
            list(loader.batches(1, 9))


class Faulty:
    """A source whose step 2 cannot be read."""

    def __init__(self, source):
        self._source = source

    def batch(self, seed, step, batch_size):
        return np.full(batch_size, -1) if step == 2 else self._source.batch(seed, step, batch_size)

    def read(self, indices, drawn):
        if indices[0] < 0:
            raise PraxiaError("step 2 cannot be read")
        return self._source.read(indices, drawn)


def test_after_a_step_that_cannot_be_read_every_later_one_is_its_own(mixture):
    with Loader(Faulty(mixture), seed=0, batch_size=4, workers=2) as loader:
        for step in range(2):
            loader.take(step)
        with pytest.raises(PraxiaError, match="step 2 cannot be read"):
            loader.take(2)
        with pytest.raises(PraxiaError, match="expected step 3 next, got 2"):
            loader.take(2)
        for step in range(3, 9):
            same(loader.take(step), mixture.read(mixture.batch(0, step, 4)))


def test_shared_memory_is_not_taken_from_dev_shm_which_containers_keep_small(mixture):
    before = set(os.listdir("/dev/shm"))
    with Loader(mixture, seed=0, batch_size=4, workers=2) as loader:
        loader.take(0)
        loader._workers[1].connection.poll(10)
        there = set(os.listdir("/dev/shm")) - before
        assert not [name for name in there if name.startswith(("praxia-", "psm_"))]


class Growing:
    """Batches that need more memory from step to step."""

    def __init__(self, source):
        self._source = source

    def batch(self, seed, step, batch_size):
        return self._source.batch(seed, step, 1 + 2 * step)

    def read(self, indices, drawn):
        return self._source.read(indices, drawn)


def test_batches_may_grow(mixture):
    with Loader(Growing(mixture), seed=0, batch_size=1, workers=2) as loader:
        for step in range(9):
            same(loader.take(step), mixture.read(mixture.batch(0, step, 1 + 2 * step)))


def no_memory(connection, read):
    """A worker that may have no memory of more than 1 kB."""
    sys.dont_write_bytecode = True  # what does not fit would be cut, for every later process
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    serve(connection, read)


def test_too_little_memory_is_reported_in_one_line(mixture, monkeypatch):
    monkeypatch.setattr(loading, "_serve", no_memory)
    with Loader(mixture, seed=0, batch_size=4, workers=1) as loader, pytest.raises(PraxiaError) as refused:
        loader.take(0)
    assert re.fullmatch(r"cannot allocate 0\.\d MB of memory .*; use fewer --workers .*", str(refused.value))
