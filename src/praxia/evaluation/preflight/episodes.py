"""Checks that run a few episodes: recorded actions, the expert, and holding still."""

from collections.abc import Mapping, Sequence
from math import comb

import numpy as np

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Start
from praxia.data.dataset import Dataset
from praxia.data.generation import is_as_recorded
from praxia.evaluation.preflight.setup import NUM_TASKS, NUM_ZERO, PreflightResult, PreflightSetup, spread
from praxia.experts.baselines import ZeroPolicy
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory

__all__ = ["binomial_tail", "expert_succeeds", "recorded_actions_replay", "spread_episodes", "zero_fails"]

# The number of recorded successes that are replayed, and the share of them that must succeed again.
NUM_REPLAYS, MIN_REPLAYED = 20, 0.95

# The check of the expert fails where its successes are less probable than this under its recorded rate.
MIN_PROBABILITY = 1e-3


def recorded_actions_replay(setup: PreflightSetup) -> PreflightResult:
    """Replaying recorded successes from their stored starts succeeds in at least 95% of them."""
    data = setup.data
    if data is None:
        return PreflightResult(None, setup.no_data)
    if not data.written_by_praxia:
        return PreflightResult(
            None, f"{data.root} was not recorded by praxia: it has no starts from which to replay episodes"
        )
    episodes = spread_episodes(data, setup.benchmark.tasks, NUM_TASKS, NUM_REPLAYS)
    if not episodes:
        return PreflightResult(None, f"no episode of {data.root} succeeded as recorded; name another with --data DIR")
    failed = [_name(data, number) for number in episodes if not _succeeds_again(setup, data, number)]
    num_tasks = len({data.episodes.task[number] for number in episodes})
    num_succeeded = len(episodes) - len(failed)
    detail = f"{num_succeeded} of {len(episodes)} recorded successes succeed again (tasks: {num_tasks})"
    if num_succeeded >= MIN_REPLAYED * len(episodes):
        return PreflightResult(True, detail)
    return PreflightResult(
        False,
        f"{detail}, expected at least {MIN_REPLAYED:.0%}; failed: {', '.join(failed[:3])}: the simulator or the"
        f" meaning of an action has changed since {data.root} was recorded",
    )


def spread_episodes(data: Dataset, tasks: Sequence[str], num_tasks: int, num_episodes: int) -> list[int]:
    """About `num_episodes` successful episodes, evenly spaced over at most `num_tasks` of `tasks`.

    Where the data set has none of `tasks`, its own tasks are used. Trimmed, relabelled and dreamed episodes are left
    out: see `is_as_recorded`.
    """
    own = data.episodes.task
    as_recorded = [int(number) for number in data.select() if is_as_recorded(data.records[number])]
    wanted = [task for task in tasks if task in own] or list(dict.fromkeys(own))
    by_task = [[number for number in as_recorded if own[number] == task] for task in wanted]
    sampled = spread([numbers for numbers in by_task if numbers], num_tasks)
    return [number for numbers in sampled for number in spread(numbers, -(-num_episodes // len(sampled)))]


def _succeeds_again(setup: PreflightSetup, data: Dataset, number: int) -> bool:
    start = Start(**data.records[number]["start"])
    first, length = data.episodes.first[number], data.episodes.length[number]
    actions = data.column("action.executed")[first : first + length].astype(np.float32)
    return _replay(setup.slots, setup.spec_of(start), start, actions)


def _replay(slots: LocalSlots, spec: EnvSpec, start: Start, actions: np.ndarray) -> bool:
    """Whether executing `actions` from `start` succeeds. A crash counts as a failure."""
    slots.begin(0, spec, start, cameras=())
    (progress,) = slots.ready()
    if progress.error is None:
        slots.advance(0, actions, stop_on_success=True)
        (progress,) = slots.ready()
    return progress.error is None and any(outcome.success for outcome in progress.outcomes)


def _name(data: Dataset, number: int) -> str:
    return f"episode {number} ({data.episodes.task[number]})"


def expert_succeeds(setup: PreflightSetup) -> PreflightResult:
    """The expert succeeds on a sample of the benchmark's episodes about as often as was recorded.

    An exact binomial test with the recorded rate of the sampled tasks together, by Laplace's rule (S + 1) / (N + 2),
    since ten successes in ten episodes do not mean a rate of 1. Tasks with unequal rates vary less than a binomial with
    their mean (Hoeffding 1956), so the test fails no more often than its level.
    """
    trajectories = setup.expert_trajectories
    if not trajectories:
        return PreflightResult(None, f"no expert is registered for {setup.benchmark.env}")
    if crashes := [trajectory for trajectory in trajectories if trajectory.error is not None]:
        return PreflightResult(
            False, f"{len(crashes)} of {len(trajectories)} of the expert's episodes crashed: {crashes[0].error}"
        )
    counts = setup.successes(trajectories)
    observed, reference = sum(counts.values()), setup.reference
    detail = f"the expert succeeds in {observed} of {len(trajectories)} episodes"
    if reference is None:
        return PreflightResult(None, f"{detail}, and nothing is recorded for this benchmark; {_how_to_record(setup)}")
    num_recorded = reference.episodes * len(counts)
    expected = sum(reference.expert[task] for task in counts)
    probability = binomial_tail(observed, len(trajectories), (expected + 1) / (num_recorded + 2))
    detail = f"{detail}; recorded: {expected} of {num_recorded}"
    if probability >= MIN_PROBABILITY:
        return PreflightResult(True, detail)
    return PreflightResult(
        False,
        f"{detail}, which makes so few successes improbable ({probability:.1e}); lowest: {_lowest(counts)}: the"
        " simulator or the benchmark has changed",
    )


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """The probability of at most `successes` successes in `trials` trials."""
    return sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(successes + 1))


def zero_fails(setup: PreflightSetup) -> PreflightResult:
    """Holding still succeeds only in tasks that are recorded as solved by it."""
    try:
        zero = ZeroPolicy(setup.embodiment)
    except (MismatchError, UnknownName) as unknown:
        return PreflightResult(None, str(unknown))
    trajectories = setup.run(zero, NUM_ZERO)
    if crashes := [trajectory for trajectory in trajectories if trajectory.error is not None]:
        return PreflightResult(
            False, f"{len(crashes)} of {len(trajectories)} episodes of holding still crashed: {crashes[0].error}"
        )
    solved = {task: count for task, count in setup.successes(trajectories).items() if count}
    reference = setup.reference
    expected = reference.solved_by_zero if reference is not None else ()
    if unexpected := {task: count for task, count in solved.items() if task not in expected}:
        return PreflightResult(
            False,
            f"holding still succeeds in {_listed(unexpected, trajectories)}: success is counted wrongly, or starts are"
            f" at their goals. If the benchmark intends this, {_how_to_record(setup)}",
        )
    detail = f"holding still fails in {len(trajectories) - sum(solved.values())} of {len(trajectories)} episodes"
    return PreflightResult(
        True, f"{detail}; as recorded, it solves {_listed(solved, trajectories)}" if solved else detail
    )


def _lowest(counts: Mapping[str, int]) -> str:
    task = min(counts, key=lambda name: counts[name])
    return f"{task}, {counts[task]}"


def _listed(solved: Mapping[str, int], trajectories: Sequence[Trajectory]) -> str:
    """ "reach 2 of 2, push 1 of 2"."""
    of = {task: sum(trajectory.job.start.task == task for trajectory in trajectories) for task in solved}
    return ", ".join(f"{task} {count} of {of[task]}" for task, count in solved.items())


def _how_to_record(setup: PreflightSetup) -> str:
    return f"record it: python -m praxia.evaluation.preflight.record {setup.benchmark.name}"
