"""The memory that training takes on each GPU, by a formula: for one process, for DDP and for FSDP, and any batch.

In bytes, with P bytes of weights and buffers, of which T are trained, A of what is averaged, N processes, and r rows on
each GPU at a time (the batch, divided by processes and `--train.accumulate`):

    one process    P + 2 T + A + max(passes(r), T + step)     AdamW's two moments, the average, and either the passes
                                                              with the gradients that come in them, or the optimiser
    DDP            the same + T                               buckets in which gradients are exchanged
    FSDP           (P + 2 T + A + T) / N + gathered           a share of all, and what is whole for a time
                   + max(passes(r) without gradients, step / N)

`passes` is counted on tensors without content (`training.activations`). `step` is what AdamW takes in a step: on a GPU
torch computes all weights at once, with T bytes of square roots between; on a processor one weight after another. With
parts that follow one another all gradients are there from the second on: T + passes(r) without gradients. `gathered` is
what FSDP2 makes whole: the weights outside of blocks, two blocks (one is gathered while the other computes), and their
gradients.

Not counted: what `training.activations` does not count, batches that wait, questions (`--vqa`), and the copy of a saved
state, which is in the memory of the processor. The lines for DDP and FSDP have not been compared with GPUs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import nn

from praxia.nn.blocks import blocks
from praxia.nn.ema import frozen_names
from praxia.training.activations import ActivationMemory

__all__ = ["MemoryPlan", "ModelBytes", "Strategy", "model_bytes", "step_bytes"]

Strategy = Literal["one process", "DDP", "FSDP"]

# The processes for which a plan is printed, and the rows on each GPU beside those of the run.
PROCESSES = (2, 8)
ROWS = (1, 8, 64)


@dataclass(frozen=True)
class ModelBytes:
    """Bytes of a model: weights and buffers, those that are trained, those that are averaged (`nn.ema`).

    `outside` are the weights that are in no block, and `block` those of the largest block; `outside_trained` and
    `block_trained` are what is trained of them.
    """

    weights: int
    trained: int
    averaged: int
    outside: int
    outside_trained: int
    block: int
    block_trained: int


def model_bytes(model: nn.Module) -> ModelBytes:
    """The bytes of `model`, ready to train, on any device."""
    frozen = frozen_names(model)
    within = {id(one) for block in blocks(model).values() for one in block.parameters()}
    parameters = list(model.parameters())
    outside = [one for one in parameters if id(one) not in within]
    sizes = [_bytes(block.parameters()) for block in blocks(model).values()]
    weights, trained = _bytes(parameters)
    return ModelBytes(
        weights=weights + sum(one.nbytes for one in model.buffers()),
        trained=trained,
        averaged=sum(one.nbytes for name, one in model.state_dict().items() if name not in frozen),
        outside=_bytes(outside)[0],
        outside_trained=_bytes(outside)[1],
        block=max((whole for whole, _ in sizes), default=0),
        block_trained=max((trained for _, trained in sizes), default=0),
    )


def step_bytes(model: nn.Module, *, gpu: bool) -> int:
    """What AdamW takes in a step beside its moments."""
    sizes = [one.nbytes for one in model.parameters() if one.requires_grad]
    return sum(sizes) if gpu else max(sizes, default=0)


def _bytes(parameters: Any) -> tuple[int, int]:
    """Bytes of all parameters, and of those that are trained."""
    listed = list(parameters)
    return sum(one.nbytes for one in listed), sum(one.nbytes for one in listed if one.requires_grad)


@dataclass(frozen=True)
class MemoryPlan:
    """What a run takes on each GPU. `passes` are the forward and backward passes, `recomputed` those with
    `--train.activation-checkpointing`, and `step` the bytes that AdamW takes in a step of one process.
    """

    parameters: int
    precision: str
    model: ModelBytes
    passes: ActivationMemory
    recomputed: ActivationMemory
    step: int
    batch_size: int
    accumulate: int
    note: str = ""

    def bytes(self, strategy: Strategy, processes: int, rows: int, *, recomputed: bool) -> int:
        """The memory of each of the `processes` with `rows` rows at a time."""
        model, passes = self.model, self.recomputed if recomputed else self.passes
        without = passes.peak(rows, gradients=False)
        kept = model.weights + 2 * model.trained + model.averaged
        if strategy == "FSDP":
            gathered = model.outside + model.outside_trained + 2 * (model.block + model.block_trained)
            return (kept + model.trained) // processes + gathered + max(without, self.step // processes)
        one = passes.peak(rows, gradients=True) if self.accumulate == 1 else model.trained + without
        buckets = model.trained if strategy == "DDP" else 0
        return kept + buckets + max(one, model.trained + self.step)

    def table(self) -> Iterator[tuple[Strategy, int, int, int, int]]:
        """(strategy, processes, rows on each GPU, bytes, bytes with activation checkpointing), and the run's own."""
        for strategy, processes in self._strategies():
            own = max(1, self.batch_size // (processes * self.accumulate))
            for rows in sorted({own, *(one for one in ROWS if one < own)}):
                kept, again = (self.bytes(strategy, processes, rows, recomputed=one) for one in (False, True))
                yield strategy, processes, rows, kept, again

    def _strategies(self) -> Sequence[tuple[Strategy, int]]:
        sharing = [one for one in PROCESSES if one not in self._cannot_share]
        return ("one process", 1), *(("DDP", one) for one in sharing), *(("FSDP", one) for one in sharing)

    @property
    def _cannot_share(self) -> list[int]:
        """The numbers of processes that training refuses, because the batch is not a multiple of their parts."""
        return [one for one in PROCESSES if self.batch_size % (one * self.accumulate)]

    def lines(self) -> list[str]:
        """For a person: what is kept all the time, then a table."""
        model = self.model
        lines = [
            f"memory: weights {_gb(model.weights)}, gradients {_gb(model.trained)}, AdamW {_gb(2 * model.trained)}, "
            f"average {_gb(model.averaged)}, beside the passes in {self.precision}; nothing of it was allocated",
            f"per GPU, for a batch of {self.batch_size}"
            + (f" in {self.accumulate} parts" if self.accumulate > 1 else "")
            + ":   rows at a time   memory   with --train.activation-checkpointing",
        ]
        for strategy, processes, rows, kept, again in self.table():
            name = strategy if processes == 1 else f"{strategy}, {processes} GPUs"
            lines.append(f"  {name:14s} {rows:8d} {_gb(kept):>12s} {_gb(again):>12s}")
        if refused := self._cannot_share:
            lines.append(f"  {' and '.join(map(str, refused))} GPUs cannot share such a batch evenly")
        return [*lines, *([self.note] if self.note else [])]

    def to_json(self) -> dict[str, Any]:
        names = ("strategy", "processes", "rows", "bytes", "bytes_with_activation_checkpointing")
        passes: Mapping[str, ActivationMemory] = {"passes": self.passes, "recomputed_passes": self.recomputed}
        return {
            "parameters": self.parameters,
            "precision": self.precision,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "model_bytes": asdict(self.model),
            "step_bytes": self.step,
            "memory": [dict(zip(names, row, strict=True)) for row in self.table()],
            **{name: one.to_json() for name, one in passes.items()},
            "note": self.note,
        }


def _gb(value: int) -> str:
    return f"{value / 1e9:.3g} GB" if value >= 1e8 else f"{value / 1e6:.3g} MB"
