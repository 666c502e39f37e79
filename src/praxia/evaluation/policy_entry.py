"""Finds a policy to evaluate by its name: a checkpoint, a foreign policy, or one of the three without weights."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from praxia import experts
from praxia.core.errors import PraxiaError
from praxia.core.keys import canonical_json
from praxia.core.process import available_cores
from praxia.core.types import Policy, Sampling
from praxia.envs import find_family
from praxia.envs.family import EnvFamily
from praxia.envs.wrappers import revealing
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import bind_policy
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.policy_factory import ForeignPolicy, MakePolicy, PolicyFactory
from praxia.evaluation.policy_resolver import PlannerFile, ScriptedPolicy, resolve_policy
from praxia.experts import find_expert
from praxia.results.fingerprint import source_sha256

if TYPE_CHECKING:
    from praxia.checkpoint.identity import PolicyIdentity
    from praxia.policies.interface import TrainedPolicy

__all__ = [
    "PolicyEntry",
    "expect_unbound",
    "find_policy",
    "limit_torch",
    "load_trained",
    "make_foreign",
]


@dataclass(frozen=True)
class PolicyEntry:
    """A policy that can be evaluated on `benchmark`, with its identity and the number of threads of its arithmetic.

    `weights_sha256` is None for a policy without weights. `sampling` and `bind_as` hold only what differs from the
    policy's own. `claim` is what is known of the identity of a foreign policy (`policy_factory.ForeignPolicy`).
    `planner` says what a planner is; with `reveals` it plans in the simulator, whose environments give it their state.
    """

    policy: Policy
    benchmark: Benchmark
    policy_sha256: str
    weights_sha256: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    bind_as: str | None = None
    threads: int = 1
    claim: Mapping[str, Any] | None = None
    planner: Mapping[str, Any] | None = None
    reveals: bool = False

    @property
    def family(self) -> EnvFamily:
        """The environments that it is evaluated in."""
        family = find_family(self.benchmark.env)
        return revealing(family) if self.reveals else family

    def evaluation(self, episodes: int, **options: Any) -> Evaluation:
        """Its evaluation with so many `episodes` per task. `options` are other fields of `Evaluation`.

        Raises:
            PraxiaError: other images for a planner that sees none, because it plans in the simulator.
        """
        if self.reveals and options.get("control") == "swapped-image":
            raise PraxiaError(
                "--control swapped-image expects a policy that sees images, got a planner in the simulator itself;"
                " leave it out"
            )
        return Evaluation(
            self.benchmark,
            self.policy_sha256,
            episodes,
            bind_as=self.bind_as,
            weights_sha256=self.weights_sha256,
            sampling=self.sampling,
            claim=self.claim,
            planner=self.planner,
            **options,
        )


def find_policy(
    name: str | MakePolicy,
    benchmark: Benchmark,
    *,
    exact: bool,
    workers: int | None = None,
    bind_as: str | None = None,
    sampling: Sampling | None = None,
    device: str | None = None,
) -> PolicyEntry:
    """The policy that `name` stands for (`policy_resolver.resolve_policy`): scripted, trained, a planner, or foreign.

    A foreign policy is one that a factory makes for the benchmark's embodiment and cameras (`policy_factory`).

    A learned policy is bound to the benchmark's embodiment by its name, or on purpose as the trained embodiment
    `bind_as`, and samples chunks according to `sampling` on `device` (`nn.device.find_device`). It gets one thread
    under `exact`, and otherwise the cores that `workers` (None: one per core) leave: numerical libraries that share
    cores with simulators lose most of their speed.

    Raises:
        PraxiaError: the folder holds no checkpoint, `bind_as` or `sampling` is given for another policy than a
            checkpoint, the policy lacks an option of `sampling`, or a factory cannot be found or fails.
        UnknownName: the benchmark's environment has no expert, or the policy has no trained embodiment `bind_as`.
        MismatchError: the policy was not trained on the benchmark's embodiment, or that has another meaning; or "zero"
            for an embodiment that does not declare how to hold it still.
        DataError: the checkpoint is damaged.
    """
    sampling = sampling or Sampling()
    found = resolve_policy(name)
    if isinstance(found, ScriptedPolicy):
        expect_unbound(found.name, bind_as, sampling)
        return PolicyEntry(_scripted(found.name, benchmark), benchmark, _identity(found.name, benchmark))
    cores = available_cores()
    threads = 1 if exact else max(1, cores - (workers or cores))
    if isinstance(found, PlannerFile):
        # Imported on use, as torch is.
        from praxia.evaluation.planner_entry import open_world, planner_entry, read_planner

        expect_unbound(str(found.path), bind_as, sampling)
        planner = read_planner(found.path)
        return planner_entry(planner, open_world(planner.world, benchmark, device), benchmark, threads=threads)
    if isinstance(found, PolicyFactory):
        expect_unbound(found.reference, bind_as, sampling)
        foreign = make_foreign(found, benchmark)
        limit_torch(threads)
        return PolicyEntry(foreign.policy, benchmark, foreign.policy_sha256, threads=threads, claim=foreign.claim)
    policy, identity = load_trained(found.path, threads, sampling, device)
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


def expect_unbound(name: str, bind_as: str | None, sampling: Sampling | None) -> None:
    """Refuse options that only a trained policy has.

    Raises:
        PraxiaError: names the option.
    """
    if bind_as is not None:
        raise PraxiaError(
            f"--as expects the folder of a trained policy, got {name!r}, which is not bound to an embodiment"
        )
    if options := (sampling or Sampling()).to_json():
        raise PraxiaError(
            f"--{next(iter(options))} expects the folder of a trained policy, got {name!r}, which is not sampled"
        )


def make_foreign(factory: PolicyFactory, benchmark: Benchmark) -> ForeignPolicy:
    """The factory's policy for the benchmark's embodiment, of which it sees the cameras that the benchmark allows.

    Raises:
        PraxiaError: as `PolicyFactory`.
    """
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    allowed = tuple(camera for camera in embodiment.cameras if camera.name in benchmark.cameras)
    return factory(replace(embodiment, cameras=allowed))


def limit_torch(threads: int) -> None:
    """Give torch so many threads of arithmetic, if a policy has imported it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def load_trained(
    folder: Path, threads: int, sampling: Sampling | None = None, device: str | None = None
) -> "tuple[TrainedPolicy, PolicyIdentity]":
    """The policy of a checkpoint folder, which samples according to `sampling` with `threads` threads of arithmetic.

    Raises:
        PraxiaError: the folder holds no checkpoint, or the policy lacks an option of `sampling`; no such `device`.
        DataError: the checkpoint is damaged.
    """
    # Importing torch takes seconds, and only a learned policy needs it.
    import torch

    from praxia.checkpoint.store import load_policy
    from praxia.nn.device import find_device

    torch.set_num_threads(threads)
    return load_policy(folder, find_device(device), sampling)


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
