"""Checks that run a few episodes: recorded actions, the expert, holding still."""

from collections.abc import Mapping, Sequence
from math import comb

import numpy as np

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Start
from praxia.data.dataset import Dataset
from praxia.evaluate.preflight.subject import NUM_TASKS, NUM_ZERO, Finding, Subject, spread
from praxia.experts.baselines import ZeroPolicy
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory

__all__ = ["binomial_tail", "expert_succeeds", "recorded_actions_replay", "spread_episodes", "zero_fails"]

# So many recorded successes are repeated, of which this share must succeed again.
NUM_REPLAYS, MIN_REPLAYED = 20, 0.95

# The expert is refused where so few successes are less probable than this under its recorded rate.
MIN_PROBABILITY = 1e-3


def recorded_actions_replay(subject: Subject) -> Finding:
    """The executed actions of recorded successes, from their stored starts, succeed again in at least 95%."""
    data = subject.data
    if data is None:
        return Finding(None, subject.no_data)
    if not data.written_by_praxia:
        return Finding(None, f"{data.root} was not recorded by praxia: it holds no starts to repeat episodes from")
    chosen = spread_episodes(data, subject.benchmark.tasks, NUM_TASKS, NUM_REPLAYS)
    if not chosen:
        return Finding(None, f"no episode of {data.root} succeeded; give another with --data DIR")
    lost = [_name(data, number) for number in chosen if not _succeeds_again(subject, data, number)]
    tasks = len({data.episodes.task[number] for number in chosen})
    said = f"{len(chosen) - len(lost)} of {len(chosen)} recorded successes succeed again (tasks: {tasks})"
    if len(chosen) - len(lost) >= MIN_REPLAYED * len(chosen):
        return Finding(True, said)
    return Finding(
        False,
        f"{said}, expected at least {MIN_REPLAYED:.0%}; lost: {', '.join(lost[:3])}: the simulator, or what an action"
        f" means, is not what it was for {data.root}",
    )


def spread_episodes(data: Dataset, tasks: Sequence[str], num_tasks: int, most: int) -> list[int]:
    """Successful episodes, about `most`, evenly spaced over at most `num_tasks` of the tasks that the data set has.

    Where it has none of `tasks`, they are of its own. Trimmed ones are left out: they do not begin at their start.
    """
    own = data.episodes.task
    whole = [int(number) for number in data.select() if "trimmed" not in data.records[number]]
    wanted = [task for task in tasks if task in own] or list(dict.fromkeys(own))
    by_task = [[number for number in whole if own[number] == task] for task in wanted]
    chosen = spread([numbers for numbers in by_task if numbers], num_tasks)
    return [number for numbers in chosen for number in spread(numbers, -(-most // len(chosen)))]


def _succeeds_again(subject: Subject, data: Dataset, number: int) -> bool:
    start = Start(**data.records[number]["start"])
    first, length = data.episodes.first[number], data.episodes.length[number]
    actions = data.column("action.executed")[first : first + length].astype(np.float32)
    return _repeat(subject.slots, subject.benchmark.spec(start.task), start, actions)


def _repeat(slots: LocalSlots, spec: EnvSpec, start: Start, actions: np.ndarray) -> bool:
    """Whether doing `actions` from `start` succeeds; a crash does not."""
    slots.begin(0, EnvSpec(start.env, start.task, spec.profile, spec.size), start, cameras=())
    (progress,) = slots.ready()
    if progress.error is None:
        slots.advance(0, actions, stop_on_success=True)
        (progress,) = slots.ready()
    return progress.error is None and any(outcome.success for outcome in progress.outcomes)


def _name(data: Dataset, number: int) -> str:
    return f"episode {number} ({data.episodes.task[number]})"


def expert_succeeds(subject: Subject) -> Finding:
    """The expert succeeds on a sample of the benchmark's episodes about as often as was recorded.

    An exact binomial test with the recorded rate (S + 1) / (N + 2) of the sampled tasks together, which are Laplace's:
    all of ten does not mean always. Tasks of unequal rates vary less than a binomial of their mean (Hoeffding 1956),
    so the test refuses no more often than it says.
    """
    trajectories = subject.expert_trajectories
    if not trajectories:
        return Finding(None, f"no expert is registered for {subject.benchmark.env}")
    if crashes := [trajectory for trajectory in trajectories if trajectory.error is not None]:
        return Finding(
            False, f"{len(crashes)} of {len(trajectories)} of the expert's episodes crashed: {crashes[0].error}"
        )
    counts = subject.successes(trajectories)
    observed, known = sum(counts.values()), subject.recorded
    said = f"the expert succeeds in {observed} of {len(trajectories)} episodes"
    if known is None:
        return Finding(None, f"{said}, and nothing is recorded for this benchmark; {_how_to_record(subject)}")
    of = known.episodes * len(counts)
    before = sum(known.expert[task] for task in counts)
    probability = binomial_tail(observed, len(trajectories), (before + 1) / (of + 2))
    said = f"{said}; recorded were {before} of {of}"
    if probability >= MIN_PROBABILITY:
        return Finding(True, said)
    return Finding(
        False,
        f"{said}, under which so few have a probability of {probability:.1e}; lowest: {_lowest(counts)}: the simulator"
        " or the benchmark has changed",
    )


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """The probability of at most so many successes."""
    return sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(successes + 1))


def zero_fails(subject: Subject) -> Finding:
    """Holding still succeeds nowhere but in tasks of which it is recorded that nothing need be done."""
    try:
        zero = ZeroPolicy(subject.embodiment)
    except (MismatchError, UnknownName) as unknown:
        return Finding(None, str(unknown))
    trajectories = subject.run(zero, NUM_ZERO)
    if crashes := [trajectory for trajectory in trajectories if trajectory.error is not None]:
        return Finding(
            False, f"{len(crashes)} of {len(trajectories)} episodes of doing nothing crashed: {crashes[0].error}"
        )
    solved = {task: count for task, count in subject.successes(trajectories).items() if count}
    known = subject.recorded
    expected = known.solved_by_zero if known is not None else ()
    if unexpected := {task: count for task, count in solved.items() if task not in expected}:
        return Finding(
            False,
            f"doing nothing succeeds in {_listed(unexpected, trajectories)}: success is counted wrongly, or starts are at"
            f" their goals. If the benchmark is meant so, {_how_to_record(subject)}",
        )
    said = f"doing nothing fails in {len(trajectories) - sum(solved.values())} of {len(trajectories)} episodes"
    return Finding(True, f"{said}; as recorded it solves {_listed(solved, trajectories)}" if solved else said)


def _lowest(counts: Mapping[str, int]) -> str:
    task = min(counts, key=lambda name: counts[name])
    return f"{task}, {counts[task]}"


def _listed(solved: Mapping[str, int], trajectories: Sequence[Trajectory]) -> str:
    """ "reach 2 of 2, push 1 of 2"."""
    of = {task: sum(trajectory.job.start.task == task for trajectory in trajectories) for task in solved}
    return ", ".join(f"{task} {count} of {of[task]}" for task, count in solved.items())


def _how_to_record(subject: Subject) -> str:
    return f"record it: python -m praxia.evaluate.preflight.record {subject.benchmark.name}"
