"""Policies inside a world: they are ranked there, which says nothing about how often they would succeed.

Axes: P policies, E episodes, N draws of the bootstrap.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import rankdata

from praxia.checkpoint.store import policy_folder
from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.files import expand_home, split_paths
from praxia.core.keys import generator
from praxia.core.types import ChunkExecution, Policy, Sampling
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.envs.wrappers import revealing
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import check_compatibility
from praxia.evaluation.plan import plan
from praxia.evaluation.planner_entry import OpenWorld, open_world
from praxia.evaluation.policy_entry import PolicyEntry, find_policy
from praxia.evaluation.runner import ProgressCallback
from praxia.nn.world import World
from praxia.rollout.loop import rollout
from praxia.worlds.env import Detector, FirstObservation, Observer, SimulatedStarts, WorldEnv
from praxia.worlds.probes import Probes, find_probes
from praxia.worlds.simulator import SimulatorWorld

__all__ = ["Inside", "expect_inside", "open_inside", "rank_inside", "ranks", "read_inside", "score_inside"]

# Episodes that are imagined as one batch, and draws of the bootstrap.
SLOTS, DRAWS = 128, 2000


@dataclass(frozen=True)
class Inside:
    """A world in which policies can be run, with what is read off it. `probes` is None of a simulator."""

    opened: OpenWorld
    observer: Observer
    detector: Detector | None
    probes: Probes | None

    @property
    def world(self) -> World:
        return self.opened.world

    def slots(self, starts: FirstObservation, num_episodes: int) -> WorldEnv:
        """Environments inside the world, for so many episodes that begin with `starts`."""
        return WorldEnv(self.world, self.observer, self.detector, starts, min(SLOTS, num_episodes))


def open_inside(name: str, data: str | None, benchmark: Benchmark, device: str | None) -> Inside:
    """The world in the folder `name` with its probes on the data sets `data`, "A,B"; or "simulator", which needs none.

    Raises:
        PraxiaError: no world there, no data, or data beside a simulator. Also as `read_inside`.
    """
    opened = open_world(name, benchmark, device)
    if isinstance(opened.world, SimulatorWorld):
        if data is not None:
            raise PraxiaError("--inside simulator shows and knows everything itself: leave out --data")
        return Inside(opened, opened.world, None, None)
    if data is None:
        raise PraxiaError(
            "expected --data SET[,SET...], got none: recorded episodes, such as the world's own, tell how to read state"
            " and success off its latents"
        )
    return read_inside(Path(name), opened, [Dataset(expand_home(path)) for path in split_paths(data)])


def read_inside(folder: Path, opened: OpenWorld, datasets: Sequence[Dataset]) -> Inside:
    """A learned world, which lies in `folder`, with its probes on the data.

    Raises:
        MismatchError: as `worlds.probes.fit_probes`, or data without known success.
    """
    probes = find_probes(policy_folder(folder), opened.world, str(opened.identity), datasets)
    if probes.success is None:
        raise MismatchError(
            f"expected data in which success is recorded, got {datasets[0].root}: nothing tells it inside the world"
        )
    return Inside(opened, probes.state.to(opened.device), probes.success.to(opened.device), probes)


def rank_inside(
    policies: Sequence[str],
    inside: Inside,
    benchmark: Benchmark,
    episodes: int,
    *,
    seed: int = 0,
    sampling: Sampling | None = None,
    device: str | None = None,
    report: ProgressCallback = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Rank policies by what happens inside a world from the starts of a benchmark, `episodes` of each task.

    Returns {benchmark, episodes, seed, world_sha256, probes_sha256, measured, policies}; `measured` is what the probes
    get wrong (`worlds.probes.Probes`), and each of `policies` is {policy, policy_sha256, rank, rank_ci95,
    score_inside}, the best first. `score_inside` is the share of episodes in which the detector saw the task done:
    only its order means anything. Equal scores share the mean of their ranks. `rank_ci95` is by a bootstrap over the
    episodes, which are the same for all policies.

    Raises:
        PraxiaError: fewer than two policies. MismatchError: a policy, the benchmark and the world do not fit each
            other; names both.
    """
    expect_positive(episodes=episodes)
    if len(policies) < 2:
        raise PraxiaError(f"expected two or more policies to rank, got {len(policies)}")
    if benchmark.horizon % (stride := inside.world.stride):
        raise MismatchError(
            f"the world imagines every {stride} control steps: expected a benchmark whose horizon is a multiple of"
            f" {stride}, got {benchmark.horizon} steps of {benchmark.name!r}"
        )
    entries = [
        find_policy(name, benchmark, exact=False, workers=1, sampling=sampling, device=device) for name in policies
    ]
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    for name, entry in zip(policies, entries, strict=True):
        expect_inside(name, entry.policy, inside, benchmark.execution)
        check_compatibility(entry.policy, benchmark, embodiment)
    done = []
    for number, (name, entry) in enumerate(zip(policies, entries, strict=True)):
        report(number, len(policies), name)
        done.append(score_inside(entry, inside, episodes, seed))
    report(len(policies), len(policies), "ranked")
    scores = np.stack(done)
    rank, low, high = ranks(scores)
    rows = [
        {
            "policy": name,
            "policy_sha256": entry.policy_sha256,
            "rank": float(rank[at]),
            "rank_ci95": [float(low[at]), float(high[at])],
            "score_inside": float(scores[at].mean()),
        }
        for at, (name, entry) in enumerate(zip(policies, entries, strict=True))
    ]
    probes = inside.probes
    return {
        "benchmark": benchmark.name,
        "episodes": scores.shape[1],
        "seed": seed,
        "world_sha256": inside.opened.identity if probes is not None else None,
        "probes_sha256": None if probes is None else probes.sha256,
        "measured": None if probes is None else dict(probes.measured),
        "policies": sorted(rows, key=lambda row: row["rank"]),
    }


def score_inside(entry: PolicyEntry, inside: Inside, episodes: int, seed: int) -> Bool[np.ndarray, " E"]:
    """In which of the benchmark's episodes the task was seen done inside the world, in the order of its jobs."""
    benchmark = entry.benchmark
    family = find_family(benchmark.env)
    build = revealing(family).build if inside.probes is None else family.build
    jobs = plan(entry.evaluation(episodes, seed=seed), family)
    with closing(SimulatedStarts(build)) as starts:
        found = np.zeros(len(jobs), bool)
        for trajectory in rollout(
            entry.policy,
            inside.slots(starts, len(jobs)),
            jobs,
            execution=benchmark.execution,
            horizon=benchmark.horizon,
            embodiment=entry.policy.embodiment,
            steps_after_success=benchmark.steps_after_success,
        ):
            if trajectory.error is not None and not trajectory.is_fault:
                raise PraxiaError(f"an episode inside the world ended in an error: {trajectory.error}")
            found[trajectory.job.index] = trajectory.status(benchmark.metric) == "success"
    return found


def ranks(
    scores: Bool[np.ndarray, "P E"],
) -> tuple[Float64[np.ndarray, " P"], Float64[np.ndarray, " P"], Float64[np.ndarray, " P"]]:
    """The rank of each policy by its mean score, 1 the best, and the ends of its 95% interval."""
    rows = generator("ranks inside").integers(scores.shape[1], size=(DRAWS, scores.shape[1]))
    drawn = np.stack([rankdata(-scores[:, row].mean(1)) for row in rows])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return rankdata(-scores.mean(1)), low, high


def expect_inside(name: str, policy: Policy, inside: Inside, execution: ChunkExecution) -> None:
    """Check that a policy, whose chunks are executed like that, can be run inside a world.

    Raises:
        MismatchError: names both.
    """
    world, stride = inside.world, inside.world.stride
    ours, theirs = policy.embodiment or world.embodiment, world.embodiment
    if (ours.state, ours.action, ours.control_hz) != (theirs.state, theirs.action, theirs.control_hz):
        raise MismatchError(
            f"{name} is for embodiment {ours.name!r}, and the world for {theirs.name!r} with another state, action or"
            " rate: choose a world of its embodiment"
        )
    if policy.privileged:
        raise MismatchError(f"{name} reads the simulator's privileged state, which nothing has inside a world")
    if unseen := [one for one in policy.window.observed if one not in inside.observer.cameras]:
        raise MismatchError(
            f"{name} sees {unseen[0]!r}, which is not decoded inside this world: only policies that see the state alone"
            " are run in it"
        )
    if execution.is_delayed or execution.thinking is not None or execution.ensemble is not None:
        raise MismatchError("expected chunk execution without delay, thinker and ensembling inside a world, got one")
    executed = min(execution.execution_horizon, policy.window.horizon)
    if executed % stride or (policy.window.history and stride > 1):
        got = f"executes {executed} actions" if executed % stride else "sees earlier steps"
        raise MismatchError(
            f"the world imagines every {stride} control steps, and {name} {got} between two observations: expected a"
            f" multiple of {stride} actions, and the present alone"
        )
