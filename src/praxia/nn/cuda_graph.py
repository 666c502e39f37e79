"""Functions of tensors as CUDA graphs: one launch replays all their kernels, without Python in between.

As torch's documentation of CUDA graphs asks: static inputs, which are copied in; a warm-up on a side stream, so that
everything is compiled, chosen and allocated before the capture; nothing inside that waits for the GPU, allocates on
the host or draws random numbers. The output is copied out, because the next replay overwrites it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from praxia.core.errors import PraxiaError

__all__ = ["Captured", "GraphedCalls", "capture_cuda_graph"]

Function = Callable[..., Tensor]
# The first compiles; torch's documentation takes three.
NUM_WARM_UPS = 3
# A process can capture one graph at a time.
_CAPTURING = threading.Lock()


@dataclass(frozen=True)
class Captured:
    """A captured call: `replay` computes `output` from what is in `inputs`, in the current stream's order."""

    inputs: tuple[Tensor, ...]
    output: Tensor
    replay: Callable[[], None]


def capture_cuda_graph(function: Function, inputs: Sequence[Tensor]) -> Captured:
    """`function` of tensors like `inputs`, which are on one GPU, as a CUDA graph.

    Other threads may use the GPU meanwhile (their calls do not end the capture).

    Raises:
        PraxiaError: the function waits for the GPU, or does otherwise what cannot be captured.
    """
    buffers = tuple(one.clone() for one in inputs)
    with _CAPTURING, torch.cuda.device(buffers[0].device):
        graph, stream, before = torch.cuda.CUDAGraph(), torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(before)  # which fills the buffers, and has loaded the weights
        # torch leaves the capture's stream current where a capture fails; this one restores it.
        with torch.cuda.stream(stream):
            for _ in range(NUM_WARM_UPS):
                function(*buffers)
            try:
                with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                    output = function(*buffers)
            except RuntimeError as error:
                cause = str(error.__context__ or error).splitlines()[0]
                raise PraxiaError(
                    f"expected a policy that a CUDA graph can capture, got one that it cannot ({cause}); compile it"
                    " without a graph: --compile kernels"
                ) from error
        before.wait_stream(stream)
    return Captured(buffers, output, graph.replay)


class GraphedCalls:
    """Calls of one function, captured once for each set of shapes and dtypes of its inputs. Threads take turns.

    `capture` is `capture_cuda_graph`; tests without a GPU have another.
    """

    def __init__(self, capture: Callable[[Function, Sequence[Tensor]], Captured] = capture_cuda_graph):
        self._capture = capture
        self._captured: dict[tuple[object, ...], Captured] = {}
        self._lock = threading.Lock()

    def __call__(self, function: Function, inputs: Sequence[Tensor]) -> Tensor:
        """`function` of `inputs`; every call has the same function, up to which object it is."""
        key = tuple((one.shape, one.dtype) for one in inputs)
        with self._lock:
            if key not in self._captured:
                self._captured[key] = self._capture(function, inputs)
            captured = self._captured[key]
            for buffer, value in zip(captured.inputs, inputs, strict=True):
                buffer.copy_(value)
            captured.replay()
            return captured.output.clone()
