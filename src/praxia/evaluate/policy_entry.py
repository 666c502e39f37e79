"""Who is judged: a checkpoint, or one of the three policies that need none."""

import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from praxia import experts
from praxia.core.errors import PraxiaError
from praxia.core.keys import canonical_json
from praxia.core.process import available_cores
from praxia.core.types import Policy, Sampling
from praxia.envs import find_family
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.compatibility import bind_policy
from praxia.evaluate.plan import Evaluation
from praxia.experts import find_expert
from praxia.results.fingerprint import source_sha256

__all__ = ["PolicyEntry", "find_policy"]

_SCRIPTED = ("expert", "zero", "random")


@dataclass(frozen=True)
class PolicyEntry:
    """A policy that can be evaluated on `benchmark`, what it is known by, and the threads that its arithmetic has.

    `weights_sha256` None: it has no weights. `sampling` and `bind_as` hold only what differs from the policy's own.
    """

    policy: Policy
    benchmark: Benchmark
    policy_sha256: str
    weights_sha256: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    bind_as: str | None = None
    threads: int = 1

    def evaluation(self, episodes: int, **options: Any) -> Evaluation:
        """So many episodes a task of it; `options` are other fields of `Evaluation`."""
        return Evaluation(
            self.benchmark,
            self.policy_sha256,
            episodes,
            bind_as=self.bind_as,
            weights_sha256=self.weights_sha256,
            sampling=self.sampling,
            **options,
        )


def find_policy(
    name: str,
    benchmark: Benchmark,
    *,
    exact: bool,
    workers: int | None = None,
    bind_as: str | None = None,
    sampling: Sampling | None = None,
) -> PolicyEntry:
    """A policy by the name "expert", "zero" or "random" or by the path of its checkpoint.

    A learned policy gets one thread under `exact`, and otherwise the cores that `workers` (None: one a core) leave
    it: numerical libraries that share cores with simulators lose most of their speed. It is bound to the benchmark's
    embodiment, or, on purpose, for that embodiment as the embodiment `bind_as` that it was trained on. It draws chunks as
    `sampling` says.

    Raises:
        PraxiaError: no checkpoint there, `bind_as` or `sampling` for a policy without weights, or an option of
            sampling that the policy does not have.
        UnknownName: no expert for the benchmark's environments, or no trained embodiment `bind_as`.
        MismatchError: not trained on the benchmark's embodiment, or on another that means something else; or "zero" for a
            embodiment that does not say what holds it still.
        DataError: it is not what was saved.
    """
    sampling = sampling or Sampling()
    if name in _SCRIPTED:
        if bind_as is not None:
            raise PraxiaError(f"--as expects the folder of a trained policy, got {name!r}, which needs no binding")
        if asked := sampling.to_json():
            raise PraxiaError(
                f"--{next(iter(asked))} expects the folder of a trained policy, got {name!r}, which is not sampled"
            )
        return PolicyEntry(_scripted(name, benchmark), benchmark, _digest(name, benchmark))

    # Only a learned policy needs torch, and its import takes seconds.
    import torch

    from praxia.checkpoint.store import choose_device, load_policy

    cores = available_cores()
    threads = 1 if exact else max(1, cores - (workers or cores))
    torch.set_num_threads(threads)
    policy, identity = load_policy(Path(name), choose_device(), sampling)
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    return PolicyEntry(
        bind_policy(policy, benchmark, embodiment, bind_as),
        benchmark,
        identity.policy_sha256,
        identity.weights_sha256,
        identity.sampling,
        None if bind_as == embodiment.name else bind_as,
        threads,
    )


def _scripted(name: str, benchmark: Benchmark) -> Policy:
    family = find_family(benchmark.env)
    embodiment = family.embodiment(benchmark.spec(benchmark.tasks[0]))
    if name == "zero":
        from praxia.experts.baselines import ZeroPolicy

        return ZeroPolicy(embodiment)
    if name == "random":
        from praxia.experts.baselines import UniformPolicy

        return UniformPolicy(embodiment)
    return find_expert(benchmark.env)(family.instructions)


def _digest(name: str, benchmark: Benchmark) -> str:
    """A policy without weights is what its source, here or in another package, makes of the benchmark's embodiment."""
    module = find_expert(benchmark.env).__module__ if name == "expert" else experts.__name__
    own = module == experts.__name__ or module.startswith(f"{experts.__name__}.")
    file = Path(sys.modules[experts.__name__ if own else module.partition(".")[0]].__file__ or "")
    source = source_sha256(file.parent if file.name == "__init__.py" else file)
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    return hashlib.sha256(canonical_json([name, benchmark.env, source, embodiment.to_json()]).encode()).hexdigest()
