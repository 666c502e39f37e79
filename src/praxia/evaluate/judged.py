"""Who is judged: a checkpoint, or one of the three policies that need none."""

import hashlib
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from praxia.core.errors import PraxiaError
from praxia.core.hold import Hold
from praxia.core.keys import content_key
from praxia.core.types import Policy
from praxia.envs import find_family
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.fit import bound
from praxia.evaluate.machine import available_cores

__all__ = ["find_policy"]

_SCRIPTED = ("expert", "zero", "random")


def find_policy(
    name: str, benchmark: Benchmark, *, exact: bool, workers: int | None = None, bind_as: str | None = None
) -> tuple[Policy, str, int]:
    """A policy by the name "expert", "zero" or "random" or by the path of its checkpoint, its SHA-256, and its threads.

    A learned policy gets one thread under `exact`, and otherwise the cores that `workers` (None: one a core) leave
    it: numerical libraries that share cores with simulators lose most of their speed. It is bound to the benchmark's
    body, or, on purpose, for that body as the embodiment `bind_as` that it was trained on.

    Raises:
        PraxiaError: no checkpoint there, or `bind_as` for a policy without weights.
        UnknownName: no expert for the benchmark's environments, or no trained embodiment `bind_as`.
        MismatchError: not trained on the benchmark's body, or on another that means something else; or "zero" for a
            body that does not say what holds it still.
        DataError: weights that are not those that were saved.
    """
    if name in _SCRIPTED:
        if bind_as is not None:
            raise PraxiaError(f"--as expects the folder of a trained policy, got {name!r}, which needs no binding")
        return _scripted(name, benchmark), _digest(name, benchmark), 1

    # Only a learned policy needs torch, and its import takes seconds.
    import torch

    from praxia.checkpoint.store import choose_device, load_policy

    cores = available_cores()
    threads = 1 if exact else max(1, cores - (workers or cores))
    torch.set_num_threads(threads)
    policy, digest = load_policy(Path(name), choose_device())
    body = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    return bound(policy, benchmark, body, bind_as), digest, threads


def _scripted(name: str, benchmark: Benchmark) -> Policy:
    family = find_family(benchmark.env)
    body = family.embodiment(benchmark.spec(benchmark.tasks[0]))
    if name == "zero":
        from praxia.experts.zero import Zero

        return Zero(body)
    if name == "random":
        from praxia.experts.uniform import Uniform

        return Uniform(body)
    from praxia.experts import find_expert

    return find_expert(benchmark.env)(family.instructions)


def _digest(name: str, benchmark: Benchmark) -> str:
    """Policies without weights are what this version of Praxia says they are; "zero" was once zeros on every body."""
    held = (
        Hold.of(find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))) if name == "zero" else None
    )
    said = "" if held is None or held.is_zero else f":{content_key(asdict(held))}"
    return hashlib.sha256(f"{name}:{benchmark.env}:{version('praxia')}{said}".encode()).hexdigest()
