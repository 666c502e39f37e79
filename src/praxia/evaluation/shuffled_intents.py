"""The control of two systems: intents are of other episodes, so that they tell the fast part nothing of its own."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.intent import Intent
from praxia.core.keys import content_key
from praxia.core.process import run_in_subprocess
from praxia.core.types import Decision, Observation, Policy, Query
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.plan import Evaluation
from praxia.rollout.thinking import Thinker

__all__ = ["CONTROL", "ShuffledIntents", "controlled", "expect_thinker"]

CONTROL = "shuffled-intent"
# The numbers of the starts of each task whose first observations are thought about: no evaluation gets that far.
STARTS = range(1_000_000, 1_000_004)


class ShuffledIntents:
    """A policy of two systems whose thinker sees `observations` of other episodes. Satisfies `Policy` and `Thinker`.

    Which of them depends on the episode and the step alone.
    """

    def __init__(self, policy: Policy, thinker: Thinker, observations: Sequence[Observation]):
        self.window = policy.window
        self.privileged = policy.privileged
        self._policy = policy
        self._thinker = thinker
        self._observations = observations

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for."""
        return self._policy.embodiment

    def start(self, num_rows: int) -> Any:
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        return self._policy.act(queries, carry)

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        """The intents of other episodes, stamped with the steps of the queries."""
        return self._thinker.think([replace(one, history=(self._other(one),) * len(one.history)) for one in queries])

    def _other(self, query: Query) -> Observation:
        number = int(content_key([query.key, query.step])[:8], 16)
        return self._observations[number % len(self._observations)]


def expect_thinker(policy: Policy, evaluation: Evaluation) -> None:
    """Raise PraxiaError if intents are to be shuffled of a policy without any, or at no thinker's rate."""
    if evaluation.control != CONTROL:
        return
    if not isinstance(policy, Thinker) or evaluation.execution.thinking is None:
        raise PraxiaError(
            f"{CONTROL} expects a policy of two systems, and a benchmark of them, such as"
            f" {evaluation.benchmark.name}/think-8-late-8"
        )


def controlled(policy: Policy, evaluation: Evaluation, family: EnvFamily) -> Policy:
    """The policy, which fits (`expect_thinker`), under a control that disturbs it and not the environment."""
    if evaluation.control != CONTROL:
        return policy
    assert isinstance(policy, Thinker), "its intents are to be shuffled"
    # In a process of its own: OpenGL and CUDA in one can crash it.
    seen = partial(_first_observations, evaluation.benchmark, family, STARTS, policy.window.observed)
    return ShuffledIntents(policy, policy, run_in_subprocess(seen))


def _first_observations(
    benchmark: Benchmark, family: EnvFamily, starts: Sequence[int], cameras: Sequence[str]
) -> list[Observation]:
    found = []
    for task in benchmark.tasks:
        with closing(family.build(benchmark.spec(task))) as env:
            for number in starts:
                env.reset(family.draw_start(task, benchmark.split, number))
                found.append(env.observe(cameras))
    return found
