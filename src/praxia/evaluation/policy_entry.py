"""Finds a policy to evaluate by its name: a checkpoint, or one of the three policies without weights."""

import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from praxia import experts
from praxia.core.errors import PraxiaError
from praxia.core.keys import canonical_json
from praxia.core.process import available_cores
from praxia.core.types import Policy, Sampling
from praxia.envs import find_family
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import bind_policy
from praxia.evaluation.plan import Evaluation
from praxia.experts import find_expert
from praxia.results.fingerprint import source_sha256

if TYPE_CHECKING:
    from praxia.checkpoint.identity import PolicyIdentity
    from praxia.policies.encoder_head import EncoderHeadPolicy

__all__ = ["SCRIPTED", "PolicyEntry", "find_policy", "load_trained"]

SCRIPTED = ("expert", "zero", "random")


@dataclass(frozen=True)
class PolicyEntry:
    """A policy that can be evaluated on `benchmark`, with its identity and the number of threads of its arithmetic.

    `weights_sha256` is None for a policy without weights. `sampling` and `bind_as` hold only what differs from the
    policy's own.
    """

    policy: Policy
    benchmark: Benchmark
    policy_sha256: str
    weights_sha256: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    bind_as: str | None = None
    threads: int = 1

    def evaluation(self, episodes: int, **options: Any) -> Evaluation:
        """Its evaluation with so many `episodes` per task. `options` are other fields of `Evaluation`."""
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
    """The policy named "expert", "zero" or "random", or that of a checkpoint folder.

    A learned policy is bound to the benchmark's embodiment by its name, or on purpose as the trained embodiment
    `bind_as`, and samples chunks according to `sampling`. It gets one thread under `exact`, and otherwise the cores
    that `workers` (None: one per core) leave: numerical libraries that share cores with simulators lose most of their
    speed.

    Raises:
        PraxiaError: the folder holds no checkpoint, `bind_as` or `sampling` is given for a policy without weights, or
            the policy lacks an option of `sampling`.
        UnknownName: the benchmark's environment has no expert, or the policy has no trained embodiment `bind_as`.
        MismatchError: the policy was not trained on the benchmark's embodiment, or that has another meaning; or "zero"
            for an embodiment that does not declare how to hold it still.
        DataError: the checkpoint is damaged.
    """
    sampling = sampling or Sampling()
    if name in SCRIPTED:
        if bind_as is not None:
            raise PraxiaError(
                f"--as expects the folder of a trained policy, got {name!r}, which is not bound to an embodiment"
            )
        if options := sampling.to_json():
            raise PraxiaError(
                f"--{next(iter(options))} expects the folder of a trained policy, got {name!r}, which is not sampled"
            )
        return PolicyEntry(_scripted(name, benchmark), benchmark, _identity(name, benchmark))

    cores = available_cores()
    threads = 1 if exact else max(1, cores - (workers or cores))
    policy, identity = load_trained(name, threads, sampling)
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


def load_trained(
    name: str, threads: int, sampling: Sampling | None = None
) -> "tuple[EncoderHeadPolicy, PolicyIdentity]":
    """The policy of a checkpoint folder, which samples according to `sampling` with `threads` threads of arithmetic.

    Raises:
        PraxiaError: the folder holds no checkpoint, or the policy lacks an option of `sampling`.
        DataError: the checkpoint is damaged.
    """
    # Importing torch takes seconds, and only a learned policy needs it.
    import torch

    from praxia.checkpoint.store import default_device, load_policy

    torch.set_num_threads(threads)
    return load_policy(Path(name), default_device(), sampling)


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


def _identity(name: str, benchmark: Benchmark) -> str:
    """The identity of a policy without weights: its source, in any package, and the benchmark's embodiment."""
    module = find_expert(benchmark.env).__module__ if name == "expert" else experts.__name__
    own = module == experts.__name__ or module.startswith(f"{experts.__name__}.")
    file = Path(sys.modules[experts.__name__ if own else module.partition(".")[0]].__file__ or "")
    source = source_sha256(file.parent if file.name == "__init__.py" else file)
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    return hashlib.sha256(canonical_json([name, benchmark.env, source, embodiment.to_json()]).encode()).hexdigest()
