"""What a forward and a backward pass take beside the weights: counted on tensors without content, for any batch.

The pass runs on fake tensors (`torch._subclasses.FakeTensorMode`), which have sizes and no memory, so that a model of
any size is counted on any machine. Every operation allocates what is proportional to the rows of the batch and what is
not: counted at two numbers of rows, each moment of the pass is a line in the number of rows, and the peak at any number
is the highest of these lines.

Counted are the tensors that operations return, from when they are made until nothing refers to them: what is kept for
the backward pass, what passes, and gradients. Not counted are buffers within an operation (such as those of a
convolution), what an allocator leaves unused between tensors, libraries, and the CUDA context (about 0.5 GB).
"""

import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from praxia.core.errors import MismatchError
from praxia.nn.types import Batch

__all__ = ["ActivationMemory", "LiveBytes", "count_activations", "repeated", "without_content"]

# The numbers of rows that are counted. One is left out: some operations have a case of their own for it.
COUNTED_ROWS = (2, 4)


@dataclass(frozen=True)
class ActivationMemory:
    """The bytes at each moment that can be the peak: (fixed, per row, gradients) of one forward and backward pass.

    The gradients of weights that there are by then are not in the two others.
    """

    moments: tuple[tuple[float, float, int], ...]

    def peak(self, rows: int, *, gradients: bool) -> int:
        """The most that a pass on `rows` rows takes, with the `gradients` that there are by then or without."""
        return round(max(fixed + rows * per_row + gradients * grown for fixed, per_row, grown in self.moments))

    def to_json(self) -> list[dict[str, float]]:
        return [{"fixed": fixed, "per_row": row, "gradients": grown} for fixed, row, grown in self.moments]


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operations within it return, until they are freed.

    `trace` has (bytes without gradients, bytes of gradients) after every operation. What is there already, `known`,
    does not count. Numbers that a program reads from tensors without content are false or 1.
    """

    def __init__(self, known: Sequence[Tensor]):
        super().__init__()
        self.trace: list[tuple[int, int]] = []
        self._sizes: dict[int, int] = {one.untyped_storage()._cdata: 0 for one in known}
        self._live = self._gradients = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and _is_fake(args[0]):
            return args[0].dtype != torch.bool and 1
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._add(value)
        self.trace.append((self._live - self._gradients, self._gradients))
        return result

    def count_gradient(self, parameter: Tensor) -> None:
        """Count the gradient of `parameter` as one."""
        assert parameter.grad is not None
        self._gradients += self._sizes.get(parameter.grad.untyped_storage()._cdata, 0)

    def _add(self, value: Tensor) -> None:
        storage = value.untyped_storage()
        if storage._cdata not in self._sizes:
            self._sizes[storage._cdata] = storage.nbytes()
            self._live += storage.nbytes()
            weakref.finalize(storage, self._drop, storage._cdata)

    def _drop(self, number: int) -> None:
        self._live -= self._sizes.pop(number, 0)


class _NoContent(TorchFunctionMode):
    """Arrays of tensors without content are random numbers in [-1, 1): of such actions tokens are many."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.numpy and _is_fake(args[0]):
            return np.random.default_rng(0).uniform(-1, 1, args[0].shape).astype(np.float32)
        return func(*args, **(kwargs or {}))


def _is_fake(value: Tensor) -> bool:
    return hasattr(value, "fake_mode")


def count_activations(model: nn.Module, batch: Batch, *, bf16: bool) -> ActivationMemory:
    """The activation memory of `model` (see `without_content`), for batches whose rows are like the first of `batch`.

    Raises:
        MismatchError: the loss reads values of tensors that have none here.
    """
    traces = []
    try:
        # In the mode that made the weights: another would take views of them for new tensors.
        with next(model.parameters()).fake_mode, _NoContent():  # pyright: ignore[reportAttributeAccessIssue]
            for rows in COUNTED_ROWS:
                traces.append(trace_of(model, repeated(batch, rows), bf16=bf16))
    except (RuntimeError, NotImplementedError) as error:  # what torch raises where a value is needed
        raise MismatchError(
            f"expected a loss that reads no values of its tensors, to count what it takes, got {error!s:.80}; "
            "leave out --dry-run: a run measures its first step"
        ) from error
    few, more = (np.array(one, np.float64) for one in traces)
    if len(few) != len(more):  # operations that depend on the rows: the peaks alone are comparable
        few, more = (np.array([[one.sum(1).max(), 0.0]]) for one in (few, more))
    per_row = (more[:, 0] - few[:, 0]) / (COUNTED_ROWS[1] - COUNTED_ROWS[0])
    return ActivationMemory(_envelope(few[:, 0] - COUNTED_ROWS[0] * per_row, per_row, few[:, 1]))


def trace_of(model: nn.Module, batch: Batch, *, bf16: bool) -> list[tuple[int, int]]:
    """The bytes of every moment of a forward and a backward pass; see `LiveBytes`. The model has no gradients after."""
    live = LiveBytes([*model.parameters(), *model.buffers(), *_tensors(batch)])
    trained = [one for one in model.parameters() if one.requires_grad]
    with ExitStack() as stack:
        for one in trained:
            stack.callback(one.register_post_accumulate_grad_hook(live.count_gradient).remove)
        with live:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss, _ = model.loss(batch, torch.Generator().manual_seed(0))  # pyright: ignore[reportCallIssue]
            loss.backward()
    model.zero_grad(set_to_none=True)
    return live.trace


def without_content(model: nn.Module) -> None:
    """Give a model on the meta device weights that have no content and no memory, on the processor."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")


def repeated(batch: Batch, rows: int) -> Batch:
    """A batch of `rows` rows: the first of `batch`, again and again."""
    changed = {one.name: _repeated(getattr(batch, one.name), rows) for one in fields(batch) if one.name != "share"}
    return replace(batch, **changed)


def _repeated(value: Any, rows: int) -> Any:
    if isinstance(value, Tensor):
        return value[:1].repeat(rows, *[1] * (value.dim() - 1))
    return {name: _repeated(one, rows) for name, one in value.items()} if isinstance(value, Mapping) else value


def _tensors(batch: Batch) -> list[Tensor]:
    values = [getattr(batch, one.name) for one in fields(batch)]
    nested = [list(one.values()) if isinstance(one, Mapping) else [one] for one in values]
    return [one for group in nested for one in group if isinstance(one, Tensor)]


def _envelope(fixed: np.ndarray, per_row: np.ndarray, grown: np.ndarray) -> tuple[tuple[float, float, int], ...]:
    """The moments of which no other is higher in all three: the only ones that can be the peak."""
    kept: list[tuple[float, float, int]] = []
    for one in sorted(zip(fixed.tolist(), per_row.tolist(), grown.astype(int).tolist(), strict=True), reverse=True):
        if not any(all(a >= b for a, b in zip(other, one, strict=True)) for other in kept):
            kept.append(one)
    return tuple(kept)
