"""What a step takes: measured without a trace, and refused before it is allocated."""

import dataclasses
import errno
import json
import re
import resource
import subprocess
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest
import torch

from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine, measured_step
from praxia.training.measured_step import Cost

COST = Cost(device="cpu", steps=5000, step_s=0.52, memory=1_940_000_000, available=22_100_000_000)
NOON = datetime(2026, 5, 12, 12, 0)


def train(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="", **more)


def larger(run, batch_size):
    return dataclasses.replace(run, train=dataclasses.replace(run.train, batch_size=batch_size))


def test_a_cost_in_words():
    assert COST.lines(NOON) == [
        "memory: about 1.9 GB of 22.1 GB (cpu)",
        "time: about 0.52 s per step, 0:43:20 for 5000 steps; ends at 12:43",
    ]
    unknown = dataclasses.replace(COST, steps=50_000, step_s=4.0, memory=None, available=None)
    assert unknown.lines(NOON) == [
        "time: about 4 s per step, 2 days, 7:33:20 for 50000 steps; ends at 19:33 on Thursday, 14 May"
    ]


def test_a_run_tells_its_cost_after_its_plan(tiny_run, dataset_path, tmp_path):
    told = []
    train(tiny_run, dataset_path, tmp_path / "run", announce=told.append)
    cost = told[1]
    assert (cost.device, cost.steps) == ("cpu", 6)
    assert cost.step_s > 0
    assert 1e8 < cost.memory < cost.available


def test_a_resumed_run_tells_what_is_left(tiny_run, shorter, dataset_path, tmp_path):
    train(tiny_run, dataset_path, tmp_path / "run")
    told = []
    train(shorter(10), dataset_path, tmp_path / "run", resume=True, announce=told.append)
    assert told[1].steps == 4


def test_measuring_leaves_no_trace_in_a_run(tiny_run, dataset_path, tmp_path, monkeypatch):
    """The weights are those of a run that does not measure, from the first step and when resumed."""
    measured = train(tiny_run, dataset_path, tmp_path / "measured")
    before = torch.get_rng_state()
    monkeypatch.setattr(engine, "measure_cost", lambda *_, **__: COST)
    unmeasured = train(tiny_run, dataset_path, tmp_path / "unmeasured")
    assert measured["weights_sha256"] == unmeasured["weights_sha256"]
    assert torch.equal(before, torch.get_rng_state())


@pytest.fixture
def told_steps(monkeypatch):
    """The rows of every step.

    One takes 20 MB, the images of all rows and, for each row that it computes at a time, 2 MB and 10 ms. What it
    really takes depends on the gaps that other tests left in this process, and on the machine's other work.
    """
    rows, gained, step, clock = [], [], engine.take_step, SimpleNamespace(now_s=0.0)

    class Told:
        def __enter__(self):
            gained.clear()

        def __exit__(self, *error):
            self.gained = gained[0]

    def told_step(fabric, options, update, batches, number):
        images = sum(value.nbytes for value in batches[0].images.values())
        rows.append(len(batches[0].state) // options.accumulate)
        gained.append(20_000_000 + images + 2_000_000 * rows[-1])
        clock.now_s += 0.01 * rows[-1]
        return step(fabric, options, update, batches, number)

    monkeypatch.setattr(measured_step, "PeakMemory", Told)
    monkeypatch.setattr(measured_step, "resident_memory", lambda: 0)
    monkeypatch.setattr(measured_step, "time", SimpleNamespace(perf_counter=lambda: clock.now_s))
    monkeypatch.setattr(engine, "take_step", told_step)
    return rows


def test_what_is_measured_grows_with_the_batch(tiny_run, dataset_path, tmp_path, told_steps, monkeypatch):
    """One batch is measured whole; the other, which would take too long, is extrapolated from a part of it."""
    monkeypatch.setattr(engine, "_fit", None)
    costs, tried = [], []
    for size in (8, 512):
        told_steps.clear()
        with pytest.raises(TypeError):
            train(larger(tiny_run, size), dataset_path, tmp_path / str(size), announce=costs.append)
        tried.append(max(told_steps))
    assert tried == [8, 64]
    assert [cost.step_s for cost in costs[1::2]] == pytest.approx([0.08, 5.12])
    image_bytes = 2 * 3 * 16 * 16  # of this batch and the next
    assert costs[3].memory - costs[1].memory == pytest.approx((512 - 8) * (2_000_000 + image_bytes), rel=1e-3)


@pytest.fixture
def little_memory(told_steps, monkeypatch):
    """A machine with 400 MB left."""
    monkeypatch.setattr(measured_step, "available_memory", lambda: 400_000_000)


def test_a_batch_that_does_not_fit_is_refused_before_anything_is_written(
    tiny_run, dataset_path, tmp_path, little_memory
):
    out = tmp_path / "run"
    with pytest.raises(PraxiaError, match=r"a batch of 240 takes about .* GB of memory.*--train\.batch-size") as told:
        train(larger(tiny_run, 240), dataset_path, out)
    assert not out.exists()
    assert "\n" not in str(told.value)
    size = int(str(told.value).rsplit(" ", 1)[1])
    assert 8 < size < 240
    train(larger(tiny_run, size), dataset_path, out)


def test_the_parts_that_a_refusal_names_fit(tiny_run, dataset_path, tmp_path, little_memory):
    run = larger(tiny_run, 240)
    with pytest.raises(PraxiaError, match=r"give --train\.accumulate \d+, which computes it in as many parts") as told:
        train(run, dataset_path, tmp_path / "run")
    parts = int(re.search(r"accumulate (\d+)", str(told.value))[1])
    assert parts > 1
    divided = dataclasses.replace(run.train, steps=1, accumulate=parts)
    train(dataclasses.replace(run, train=divided), dataset_path, tmp_path / "run")


def test_parts_have_as_many_questions_each():
    assert measured_step._fitting_parts(24, 0, room=8.0, row_bytes=1.0) == 3
    assert measured_step._fitting_parts(24, 16, room=8.0, row_bytes=1.0) == 4
    assert measured_step._fitting_parts(24, 5, room=8.0, row_bytes=1.0) is None


def test_what_a_saved_state_has_beside_trained_weights_counts(
    tiny_run, dataset_path, tmp_path, monkeypatch, told_steps
):
    """Buffers are saved twice, as they are and averaged."""
    costs, build = [], EncoderHead.build
    for num_bytes in (0, 1_000_000):

        def buffered(self, shapes, num_bytes=num_bytes):
            model = build(self, shapes)
            model.register_buffer("kept", torch.zeros(num_bytes // 4))
            return model

        monkeypatch.setattr(EncoderHead, "build", buffered)
        monkeypatch.setattr(engine, "_fit", None)
        with pytest.raises(TypeError):
            train(tiny_run, dataset_path, tmp_path / str(num_bytes), announce=costs.append)
    assert costs[3].memory - costs[1].memory == 2 * 1_000_000


def test_a_model_that_does_not_fit_at_all_is_refused(tiny_run, dataset_path, tmp_path, monkeypatch):
    monkeypatch.setattr(measured_step, "available_memory", lambda: 1000)
    with pytest.raises(PraxiaError, match="choose a smaller recipe, or give --image-size N"):
        train(tiny_run, dataset_path, tmp_path / "run")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), BlockingIOError(errno.EAGAIN, "")])
def test_an_allocation_that_fails_is_refused_in_the_same_way(tiny_run, dataset_path, tmp_path, monkeypatch, error):
    step = engine.take_step

    def failing(fabric, options, update, batches, number):
        if len(batches[0].state) > 4:
            raise error
        return step(fabric, options, update, batches, number)

    monkeypatch.setattr(engine, "take_step", failing)
    with pytest.raises(PraxiaError, match=r"a batch of 32 takes more memory than is .*; give --train\.batch-size 4$"):
        train(larger(tiny_run, 32), dataset_path, tmp_path / "run")


LIMITED = """
import json, os, resource, sys
import torch
torch.set_num_threads(1)
from pathlib import Path
from praxia.checkpoint.store import find_config
from praxia.core.config import config_from_json
from praxia.core.window import Window
from praxia.training.config import Train, TrainRun
from praxia.training.engine import train
value = json.loads(sys.argv[1])
window = Window({"image.front": (0,), "state": (0,)}, horizon=4)
run = TrainRun(config_from_json(value["model"], find_config), window, Train(steps=1, batch_size=30_000))
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 1_000_000_000, resource.RLIM_INFINITY))
try:
    train(run, [Path(sys.argv[2])], Path(sys.argv[3]), recipe="t", command="c")
except ValueError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the address space is limited by Linux")
def test_a_limit_of_the_address_space_counts(tiny_run, dataset_path, tmp_path):
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY
    config = json.dumps({"model": config_to_json(tiny_run.model)})
    arguments = [sys.executable, "-c", LIMITED, config, str(dataset_path), str(tmp_path / "run")]
    found = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert found.stdout.startswith("PraxiaError a batch of 30000 takes about"), found.stdout + found.stderr
    size = int(found.stdout.rsplit(" ", 1)[1])
    assert 8 < size < 30_000
    assert not (tmp_path / "run").exists()
