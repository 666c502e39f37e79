"""Asks a policy that is loaded for its first decisions, before episodes are spent on an error in its code."""

import time

from praxia.core.errors import PraxiaError
from praxia.core.types import Policy, Query
from praxia.evaluation.policy_factory import ForeignPolicy
from praxia.evaluation.preflight.setup import PreflightResult, PreflightSetup
from praxia.rollout.faults import action_fault, count_fault, decision_fault

__all__ = ["policy_decides"]


def policy_decides(setup: PreflightSetup) -> PreflightResult:
    """The policy gives actions that can be executed on the first observation of a sample of the tasks."""
    assert isinstance(setup.policy, ForeignPolicy), "the weights of a checkpoint are not loaded"
    policy = setup.policy.policy
    took_s, lengths = list[float](), set[int]()
    for task in setup.sample.tasks:
        query = _first_query(setup, policy, task)
        began_s = time.perf_counter()
        decisions, _ = policy.act([query], policy.start(1))
        took_s.append(time.perf_counter() - began_s)
        if len(decisions) != 1:
            return PreflightResult(False, count_fault(len(decisions), 1, 0))
        executed = decisions[0].chunk[: setup.benchmark.execution.execution_horizon]
        fault = decision_fault(decisions[0], setup.embodiment, 0) or action_fault(executed, setup.embodiment, 0)
        if fault is not None:
            return PreflightResult(False, f"{fault} of {task}")
        lengths.add(len(decisions[0].chunk))
    length = " to ".join(str(length) for length in sorted({min(lengths), max(lengths)}))
    about = f"first observation of {len(took_s)} {'task' if len(took_s) == 1 else 'tasks'}"
    return PreflightResult(
        True, f"it decides on the {about}: chunk length {length}, {1e3 * max(took_s):.0f} ms or less"
    )


def _first_query(setup: PreflightSetup, policy: Policy, task: str) -> Query:
    start = setup.family.draw_start(task, setup.benchmark.split, 0)
    setup.slots.begin(0, setup.benchmark.spec(task), start, setup.cameras, privileged=policy.privileged)
    (progress,) = setup.slots.ready()
    if progress.observation is None:
        raise PraxiaError(f"the first observation of {task} cannot be made: {progress.error}")
    return Query((progress.observation,), start.key, 0, 0, progress.privileged)
