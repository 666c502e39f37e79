"""A policy's model compiled for use: its encoder and its denoising step, and on a GPU all of it as a CUDA graph.

What is computed stays what it was: the encoder once per decision, whose key/value cache or tokens the denoising steps
share, and then one compiled step as often as the head says. Shapes are static: batches are filled up to one of few
sizes, and prompts to multiples of `PROMPT_MULTIPLE` tokens, so that nothing is compiled while a robot waits, unless an
instruction is longer than any before.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import CompileMode
from praxia.heads.autoregressive import AutoregressiveHead
from praxia.heads.parallel import ParallelBinsHead
from praxia.heads.real_time import RealTimeHead
from praxia.nn.compiler import expect_compiler
from praxia.nn.cuda_graph import GraphedCalls
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.types import Batch
from praxia.policies.encoder_head_model import EncoderHeadModel, predict

__all__ = ["Compiled", "compiler_errors"]

PROMPT_MULTIPLE = 32
# Sizes of batches times lengths of prompts; beyond it torch would compute as without compiling.
RECOMPILE_LIMIT = 64
OPTIONS = {"dynamic": False, "recompile_limit": RECOMPILE_LIMIT, "isolate_recompiles": True}


class Compiled:
    """The model, compiled; the one it is made of has the same weights and stays as it is.

    Torch compiles the encoder, and the denoiser of heads that have one, of which a sample takes several steps, or else
    the head's `sample`; what heads of tokens do after the encoder is left as it is, because how often they are called
    depends on the tokens. `mode` "cuda-graph" also captures a decision from the batch to the chunk.

    Raises:
        PraxiaError: no compiler, or a torch before 2.13.
        MismatchError: a CUDA graph without a GPU, or bfloat16 without one.
    """

    def __init__(
        self,
        model: EncoderHeadModel,
        mode: CompileMode,
        sizes: Sequence[int],
        graphed: GraphedCalls | None = None,
    ):
        device = next(model.parameters()).device
        if mode == "cuda-graph" and graphed is None and device.type != "cuda":
            raise MismatchError(
                f"expected a GPU for a CUDA graph, got the device {device.type!r}; `kernels` compiles anywhere"
            )
        if device.type == "cpu" and isinstance(bf16_arithmetic(model), torch.autocast):
            # torch's own transformer layers go by a fast path there, whose arithmetic the compiler takes for float32.
            raise MismatchError("expected float32 for --compile on a CPU, got bfloat16; leave out one of them")
        expect_compiler("--compile")
        _expect_options()
        self._sizes = tuple(sizes)
        self._model = compiled_copy(model)
        self._graphed = (graphed or GraphedCalls()) if mode == "cuda-graph" else None

    def predict(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """As `encoder_head_model.predict`: batches beyond the largest size in parts, others filled up with rows."""
        batch, largest, num_rows = with_filled_text(batch), self._sizes[-1], len(noise)
        chunks = []
        for first in range(0, num_rows, largest):
            count = min(largest, num_rows - first)
            size = next(size for size in self._sizes if size >= count)
            if size == num_rows:
                return self._predict(batch, noise)
            # The last row again, where there are fewer: all numbers are then such as the model has seen.
            rows = (first + torch.arange(size, device=noise.device)).clamp_max(first + count - 1)
            chunks.append(self._predict(batch.rows(rows), noise[rows])[:count])
        return torch.cat(chunks)

    def _predict(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        # Kernels are compiled for the order in memory, too, and images come in another one than rows of them.
        batch = batch.with_tensors([one.contiguous() for one in batch.tensors()])
        if self._graphed is None:
            return predict(self._model, batch, noise)
        return self._graphed(
            lambda *values: predict(self._model, batch.with_tensors(values[:-1]), values[-1]),
            [*batch.tensors(), noise],
        )


@contextmanager
def compiler_errors() -> Iterator[None]:
    """Within it what fails in torch's compiler is one line. An interrupted compilation can leave half a file behind.

    Raises:
        PraxiaError: torch could not compile.
    """
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        cause = str(error).strip().partition("\n")[0]
        raise PraxiaError(
            f"expected torch to compile the policy, got {cause}; if an earlier compilation was interrupted, give it"
            " another cache (TORCHINDUCTOR_CACHE_DIR), else leave out --compile"
        ) from error


def compiled_copy(model: EncoderHeadModel) -> EncoderHeadModel:
    """Modules of their own with the weights of `model`, which torch compiles when they are first called."""
    shared = {id(one): one for one in chain(model.parameters(), model.buffers())}
    copy: Any = deepcopy(model, shared)
    copy.encoder.compile(**OPTIONS)
    if isinstance(copy.head, RealTimeHead):
        copy.head.denoiser.compile(**OPTIONS)
    elif not isinstance(copy.head, AutoregressiveHead | ParallelBinsHead):
        copy.head.sample = torch.compile(copy.head.sample, **OPTIONS)
    return copy


def _expect_options() -> None:
    """Refuse a torch whose `compile` has no `OPTIONS`. By its limit of its own, 8, it would stop compiling unasked.

    Raises:
        PraxiaError: it is one before 2.13.
    """
    try:
        inspect.signature(torch.compile).bind_partial(**OPTIONS)
    except TypeError:
        raise PraxiaError(
            f"expected torch 2.13 or newer for --compile, got {torch.__version__}; `pip install 'torch>=2.13'`, or"
            " leave out --compile"
        ) from None


def with_filled_text(batch: Batch) -> Batch:
    """The batch with its text padded to a multiple of `PROMPT_MULTIPLE` tokens; those added are not valid."""
    if not (missing := -batch.text.shape[1] % PROMPT_MULTIPLE):
        return batch
    text, valid = (functional.pad(one, (0, missing)) for one in (batch.text, batch.text_valid))
    return replace(batch, text=text, text_valid=valid)
