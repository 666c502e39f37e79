"""What a step takes, measured before the first: memory and time. A batch that does not fit is refused."""

import errno
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import torch
from lightning.fabric import Fabric
from torch import nn

from praxia.core.errors import PraxiaError
from praxia.core.memory import PeakMemory, available_memory, resident_memory, return_unused_memory
from praxia.nn.ema import frozen_names
from praxia.nn.share import WHOLE
from praxia.nn.trainable import UpdatesItself
from praxia.nn.types import Batch
from praxia.training.batches import BatchSource
from praxia.training.ranks import local_processes, num_processes

__all__ = ["Cost", "Step", "measure_cost"]

# Of the available memory, what a run may plan to take.
USED_SHARE = 0.9
# What the size that a refusal advises takes of it: less, because short peaks may go unseen beside other work.
ADVISED_SHARE = 0.7
# A whole batch is tried where it is expected to take less than this; where not, its time and memory are extrapolated.
TRIED_S = 3.0
# Of a batch, what is tried after a single row: one eighth, in two steps if that does not surely fit at once, and a
# quarter before the batch is refused.
REFUSED_SHARE = 4
TRIED_SHARES = (8, 8, REFUSED_SHARE)
# Copies of what is trained in a state that is being saved: weights, their average, AdamW's two moments.
SAVED_COPIES = 4
# Of what is saved but not trained, as buffers and targets of a model that updates itself: itself and its average.
KEPT_COPIES = 2

# One optimisation step on a batch and its questions.
Step = Callable[[tuple[Batch, Batch | None]], object]


@dataclass(frozen=True)
class Cost:
    """What the rest of a run takes: `steps` steps of `step_s` seconds, and `memory` bytes of the `device`.

    `memory` is that of this process while it trains, with the files that it has mapped, of the `available` bytes that
    it has or can still take; both are None where the device does not tell.
    """

    device: str
    steps: int
    step_s: float
    memory: int | None
    available: int | None

    def lines(self, now: datetime | None = None) -> list[str]:
        """For a person, a line per topic; `now` is the local time, by default this moment's."""
        now = now or datetime.now()
        left = timedelta(seconds=round(self.steps * self.step_s))
        end = now + left
        at = f"{end:%H:%M}" if end.date() == now.date() else f"{end:%H:%M on %A, %d %B}"
        lines = [f"time: about {self.step_s:.2g} s per step, {left} for {self.steps} steps; ends at {at}"]
        if self.memory is not None and self.available is not None:
            lines.insert(
                0, f"memory: about {self.memory / 1e9:.2g} GB of {self.available / 1e9:.3g} GB ({self.device})"
            )
        return lines


@dataclass(frozen=True)
class _Tried:
    """One step: the rows of each of its parts, its seconds, and the bytes gained at its peak (0: unknown)."""

    rows: int
    seconds: float
    memory: int


def measure_cost(
    fabric: Fabric,
    model: nn.Module,
    make_step: Callable[[], Step],
    source: BatchSource,
    *,
    workers: int,
    steps: int,
    parts: int,
) -> Cost:
    """The cost of `steps` steps on this process's share of the batches, on Fabric's device, to which `model` moves.

    Optimisation steps are taken on the first batch: on one row of it, on more up to an eighth, and on all of it if that
    is quick; where `parts` of a batch follow one another, on as many rows in each. The weights are then put back as
    they were, and no random stream has moved. `make_step()` is a step of the model with optimisers of its own. Where
    states are saved from the same memory, a copy of one counts, too.

    Raises:
        PraxiaError: the batch does not fit into the available memory; names a size that does. It is refused by what
            smaller ones take, before it is tried.
    """
    device = fabric.device
    model.to(device)
    rows = source.batch_size // (num_processes() * parts)
    gc.collect()  # or what earlier work left would be freed while a step is measured
    return_unused_memory()
    peak, available = _Peak(device), _available(device)
    limit = None if available is None else int(USED_SHARE * available)
    trained = sum(value.nbytes for value in model.parameters() if value.requires_grad)
    left_out = frozen_names(model) | {name for name, value in model.named_parameters() if value.requires_grad}
    kept = sum(value.nbytes for name, value in model.state_dict().items() if name not in left_out)
    saved = SAVED_COPIES * trained + KEPT_COPIES * kept if device.type == "cpu" else 0
    with _unchanged(model, device):
        trial = _Trial(make_step(), source, peak, 1 + 2 * workers, parts)
        try:
            one = trial.take(1)
            few = _take_few(trial, one, rows, saved, limit)
            memory = saved + _of_rows(one, few, rows)
            if limit is not None and memory > limit:
                left = int(ADVISED_SHARE * limit) - saved - few.memory
                fitting = few.rows + int(left // max(_per_row(one, few), 1.0))
                images = trial.image_bytes
                room = left + few.rows * _per_row(one, few) - rows * parts * images
                questions = source.vqa.batch_size // num_processes() if source.vqa else 0
                divided = None
                if not isinstance(model, UpdatesItself):  # which would take it whole
                    divided = _fitting_parts(rows * parts, questions, room, _per_row(one, few) - parts * images)
                raise _too_large(source, memory, available, fitting * parts, divided)
            whole = trial.take(rows) if few.rows < rows and few.seconds * rows / few.rows < TRIED_S else few
            if whole.seconds < TRIED_S / 4:  # the first step of its size takes longer
                whole = trial.take(whole.rows)
        except (MemoryError, RuntimeError, OSError) as error:
            if not _is_out_of_memory(error):
                raise
            raise _too_large(source, None, available, trial.fitted * parts, None) from error
    return_unused_memory()
    memory = whole.memory + saved if whole.rows == rows else memory
    had = resident_memory() if device.type == "cpu" else peak.before
    return Cost(
        device=device.type,
        steps=steps,
        step_s=whole.seconds * rows / whole.rows,
        memory=None if available is None else had + memory,
        available=None if available is None else had + available,
    )


class _Peak:
    """The most of a device's memory that is gained within the block: `gained` bytes, over those `before` this was made.

    0 where the device does not tell.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        self._of_process = PeakMemory() if device.type == "cpu" else None
        self.gained = 0

    def __enter__(self) -> "_Peak":
        if self._of_process:
            self._of_process.__enter__()
        elif self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        return self

    def __exit__(self, *error) -> None:
        if self._of_process:
            self._of_process.__exit__(*error)
            self.gained = self._of_process.gained
        elif self.device.type == "cuda":
            self.gained = torch.cuda.max_memory_allocated(self.device) - self.before


class _Trial:
    """Takes steps on rows of the first batch. `fitted` is the largest number of them that each part of a step had.

    On the CPU the images of `num_prefetched` more batches count, too; `image_bytes` are those of a row in all of these.
    """

    def __init__(self, step: Step, source: BatchSource, peak: _Peak, num_prefetched: int, parts: int):
        self._step, self._source, self._peak, self._num_prefetched = step, source, peak, num_prefetched
        self._parts = parts
        self.fitted, self.image_bytes = 0, 0

    def take(self, rows: int) -> _Tried:
        source, device = self._source, self._peak.device
        batch, vqa = source.batch(source.loader(0, (0, -(-source.batch_size // (rows * self._parts)))), 0)
        # Alone: another process may take fewer steps to measure.
        batches = replace(batch, share=WHOLE), vqa and replace(vqa, share=WHOLE)
        rows = max(1, len(batch.state) // self._parts)
        with self._peak as peak:
            began_s = time.perf_counter()
            self._step(batches)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds = time.perf_counter() - began_s
        self.fitted = max(self.fitted, rows)
        images = sum(value.nbytes for value in (*batch.images.values(), *batch.streams.values()))
        prefetched = self._num_prefetched * images if device.type == "cpu" else 0
        self.image_bytes = (images + prefetched) // len(batch.state)
        if device.type != "cpu":
            return _Tried(rows, seconds, peak.gained)
        return_unused_memory()
        return _Tried(rows, seconds, peak.gained + prefetched)


def _take_few(trial: _Trial, one: _Tried, rows: int, saved: int, limit: int | None) -> _Tried:
    """Take steps on more rows than `one` had, up to a share of `rows`; the last of them.

    The batch fits if what its rows are expected to take and `saved` are at most `limit` bytes.
    """
    few = one
    for share in TRIED_SHARES:
        fits = limit is None or saved + _of_rows(one, few, rows) <= limit
        size = _next_size(few, rows, share, limit)
        if size > few.rows and not (share == REFUSED_SHARE and fits):
            few = trial.take(size)
    return few


def _next_size(tried: _Tried, rows: int, share: int, limit: int | None) -> int:
    """A `share` of `rows`, at least 2, but no more than surely fit: k times as many take at most k times the memory.

    A step on few rows may take so little, for so short a time, that most of it is what any step takes, or goes unseen.
    """
    size = min(rows, max(2, rows // share))
    return size if limit is None or not tried.memory else min(size, limit * tried.rows // tried.memory)


def _per_row(one: _Tried, few: _Tried) -> float:
    """The bytes that one more row takes."""
    return max(0.0, (few.memory - one.memory) / (few.rows - one.rows)) if few.rows > one.rows else float(one.memory)


def _of_rows(one: _Tried, few: _Tried, rows: int) -> int:
    """The bytes that `rows` rows take, by what one and a few did."""
    return few.memory + round(_per_row(one, few) * (rows - few.rows))


def _fitting_parts(rows: int, questions: int, room: float, row_bytes: float) -> int | None:
    """The smallest number of equal parts of `rows` rows and of `questions` of which one fits into `room` bytes.

    None: no such part does.
    """
    equal = (count for count in range(2, rows + 1) if rows % count == 0 and questions % count == 0)
    return next((count for count in equal if rows // count * row_bytes <= room), None)


def _too_large(
    source: BatchSource, memory: int | None, available: int | None, fitting: int, parts: int | None
) -> PraxiaError:
    """The refusal; `fitting` is a number of rows that fit here, of which every process has as many.

    `parts` is in how many the whole batch would fit, if in any.
    """
    takes = "more memory than is" if memory is None else f"about {memory / 1e9:.3g} GB of memory, of which"
    found = "" if available is None else f" {available / 1e9:.3g} GB are"
    size = fitting * num_processes()
    advice = f"give --train.batch-size {size}" if size > 0 else "choose a smaller recipe, or give --image-size N"
    if parts is not None:
        advice = f"give --train.accumulate {parts}, which computes it in as many parts, or --train.batch-size {size}"
    return PraxiaError(f"a batch of {source.batch_size} takes {takes}{found} available; {advice}")


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, or a thread could not start that must allocate its stack.

    On the CPU torch raises a RuntimeError that only its text tells apart.
    """
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def _available(device: torch.device) -> int | None:
    """The memory of the device that this process can still take; None where it does not tell.

    Of the machine's memory, which several processes share, each has its part.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    found = available_memory() if device.type == "cpu" else None
    return None if found is None else found // local_processes()


@contextmanager
def _unchanged(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Put back the weights of `model` and torch's random streams when the block is left."""
    frozen = frozen_names(model)
    kept = {name: value.detach().clone() for name, value in model.state_dict().items() if name not in frozen}
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            model.zero_grad(set_to_none=True)
            model.load_state_dict(kept, strict=False)
    del kept
    if device.type == "cuda":
        torch.cuda.empty_cache()
