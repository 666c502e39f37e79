"""Where decisions are made: in the loop, which waits for them, or in a thread of their own, while it goes on."""

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from praxia.core.delays import DelayTrace
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Decision
from praxia.rollout.episode import RunningEpisode
from praxia.rollout.faults import count_fault
from praxia.rollout.types import Agent, Trajectory

__all__ = ["Answer", "Decisions", "Inference", "ThreadedInference", "expect_real_time", "measured_delays"]

# What `Policy.act` returns: decisions and the new carry.
Answer = tuple[list[Decision], Any]


@runtime_checkable
class Inference(Protocol):
    """Makes one decision at a time, while the loop goes on."""

    def begin(self, act: Callable[[], Answer]) -> None:
        """Begin to call `act`. No other call is under way."""
        ...

    def result(self, wait: bool) -> Answer | None:
        """What the call returned; None: it is under way, and the caller does not `wait`. Raises what it raised."""
        ...


class ThreadedInference:
    """Calls in one thread. The caller closes it.

    A decision that is waited for and takes longer than `timeout_s`, 60 s unless given, is a PraxiaError.
    """

    def __init__(self, timeout_s: float = 60.0):
        self._timeout_s = timeout_s
        self._executor = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._future: concurrent.futures.Future[Answer] | None = None

    def begin(self, act: Callable[[], Answer]) -> None:
        assert self._future is None, "one decision at a time"
        self._future = self._executor.submit(act)

    def result(self, wait: bool) -> Answer | None:
        future = self._future
        if future is None or not (wait or future.done()):
            return None
        try:
            answer = future.result(self._timeout_s)
        except concurrent.futures.TimeoutError as error:
            if future.done():
                raise
            raise PraxiaError(
                f"expected a decision within {self._timeout_s:g} s, got none: the policy or its server does not answer"
            ) from error
        self._future = None
        return answer

    def close(self) -> None:
        """End the thread, without waiting for a decision that is under way."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _AtOnce:
    """Calls while the loop waits."""

    def begin(self, act: Callable[[], Answer]) -> None:
        self._answer = act()

    def result(self, wait: bool) -> Answer | None:
        return self._answer


def expect_real_time(agents: Sequence[Agent], num_slots: int) -> None:
    """Raises MismatchError where decisions that take their time would be beside several slots or simulated ones."""
    if num_slots != 1:
        raise MismatchError(f"expected one robot in real time, got {num_slots} slots: run one after the other")
    if any(agent.execution.is_delayed for agent in agents):
        raise MismatchError("expected a chunk execution without a delay: in real time delays are what they are")
    if any(agent.execution.thinking is not None for agent in agents):
        raise MismatchError("expected a chunk execution without a thinker's rate: in real time it is what it is")


class Decisions:
    """What is asked of the `agents` and handed to episodes, and the agents' carries.

    With an `inference`, a decision takes effect when it arrives, at the step that the episode then has. Without one
    the loop waits for every decision, and the chunk execution says when it takes effect.
    """

    def __init__(self, agents: Sequence[Agent], num_slots: int, inference: Inference | None = None):
        self._agents = agents
        self._carries = [agent.policy.start(num_slots) for agent in agents]
        self._waits = inference is None
        self._inference: Inference = inference or _AtOnce()
        # The episodes whose decisions are under way.
        self._asked: list[RunningEpisode] = []

    def decided(
        self, waiting: Sequence[RunningEpisode], running: Mapping[int, RunningEpisode], exact: bool
    ) -> Iterator[list[RunningEpisode]]:
        """The `waiting` episodes, as soon as each can go on: those that needed a decision have been asked about.

        An episode that has begun goes on without its decision where there is an inference; its first one is waited
        for. Decisions on episodes that are not `running` any more are dropped.
        """
        self._collect(running, wait=False)
        for batch in _batches(waiting, exact):
            due = [episode for episode in batch if episode.needs_decision]
            wait = self._waits or not all(episode.has_begun for episode in due)
            if due and self._asked:
                self._collect(running, wait)
            if due and not self._asked:
                self._ask(due)
                self._collect(running, wait)
            yield batch

    def _ask(self, batch: list[RunningEpisode]) -> None:
        number = batch[0].job.agent
        policy, carry, queries = self._agents[number].policy, self._carries[number], [one.ask() for one in batch]
        self._asked = batch
        self._inference.begin(lambda: policy.act(queries, carry))

    def _collect(self, running: Mapping[int, RunningEpisode], wait: bool) -> None:
        answer = self._inference.result(wait) if self._asked else None
        if answer is None:
            return
        batch, self._asked = self._asked, []
        decisions, self._carries[batch[0].job.agent] = answer
        for index, episode in enumerate(batch):
            if running.get(episode.slot) is not episode:
                continue
            if len(decisions) == len(batch):
                episode.decide(decisions[index])
            else:
                episode.end_with_fault(count_fault(len(decisions), len(batch), episode.steps))


def measured_delays(trajectories: Iterable[Trajectory], control_hz: float) -> DelayTrace:
    """The delays of decisions in real time, as a trace from which an evaluation draws (`praxia eval --delays`).

    Raises:
        PraxiaError: there was none, since only first decisions were made.
    """
    return DelayTrace(tuple(delay for one in trajectories for delay in one.delays), control_hz)


def _batches(waiting: Sequence[RunningEpisode], exact: bool) -> list[list[RunningEpisode]]:
    """The episodes of each query: all waiting ones of one agent, or with `exact` a single one."""
    if exact:
        return [[episode] for episode in waiting]
    by_agent: dict[int, list[RunningEpisode]] = {}
    for episode in waiting:
        by_agent.setdefault(episode.job.agent, []).append(episode)
    return list(by_agent.values())
