"""Served policies and the sessions of their clients. No network: a session is asked, and answers with a future."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float32

from praxia.core.blank import blank_observation
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import LimitsDelay, Observation, Policy, Query
from praxia.policies.foreign import exception_text
from praxia.rollout.corrected import Corrects
from praxia.rollout.faults import action_fault, decision_fault, num_sound
from praxia.rollout.session import parse_observation
from praxia.rollout.thinking import Thinker
from praxia.rollout.threaded_thinking import ThinkerThread
from praxia.serve.thoughts import SessionThoughts
from praxia.serve.worker import Answer, BatchReport, BatchWorker
from praxia.wires.messages import InferenceRequest, PolicyDescription

__all__ = ["ClientSession", "ServedPolicy", "executable_actions"]


class ServedPolicy:
    """A policy under its name, with room for `max_sessions` clients at once.

    The first inference, which allocates and compiles, happens in `warm_up`, before anybody is let in. The slow one of
    two systems has a thread of its own, `thinker`, and thinks as often as it can; with `exact` the policy thinks before
    every decision, as it does in process.

    Raises:
        MismatchError: a policy without an embodiment, one that needs a simulator's privileged state, or one that
            corrects its actions (`rollout.corrected`).
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        policy_sha256: str,
        weights_sha256: str | None = None,
        *,
        max_sessions: int = 256,
        exact: bool = False,
        report: Callable[[BatchReport], None] = lambda batch: None,
    ):
        embodiment = policy.embodiment
        if embodiment is None or policy.privileged:
            raise MismatchError("expected a policy with an embodiment and without privileged state, got an expert")
        if isinstance(policy, Corrects):
            raise MismatchError(
                "expected a policy whose chunks are executed as they are, got one that corrects each action by the"
                " newest observation: it is not served yet; use praxia eval, or praxia.load(POLICY).session()"
            )
        self.name = name
        self.embodiment: Embodiment = embodiment
        self.window = policy.window
        self.longest_delay = policy.longest_delay if isinstance(policy, LimitsDelay) else None
        self.max_sessions = max_sessions
        self.thinker = ThinkerThread(policy) if isinstance(policy, Thinker) and not exact else None
        self.worker = BatchWorker(policy, max_sessions, exact=exact, report=report)
        self._identity = policy_sha256, weights_sha256
        self._exact = exact
        self._lock = threading.Lock()
        self._free_rows = deque(range(max_sessions))
        self._num_opened = 0

    def description(self, episode: str) -> PolicyDescription:
        """What clients are told; `episode` is the key of their connection's episode."""
        return PolicyDescription(
            self.name,
            self.embodiment,
            self.window,
            *self._identity,
            has_memory=self.worker.has_memory,
            exact=self._exact,
            episode=episode,
            longest_delay=self.longest_delay,
            thinks_beside=self.thinker is not None,
        )

    def warm_up(self, timeout_s: float = 600.0) -> float:
        """Infer once from black images and zeros, in the worker's thread; the seconds that it took."""
        observation = blank_observation(self.embodiment, self.window.cameras)
        query, began_s = Query((observation,), "warm-up", 0, 0), time.monotonic()
        try:
            if self.thinker is not None:
                query = replace(query, intent=self.thinker.submit(query).result(timeout_s))
            answer = self.worker.submit(query).result(timeout_s)
        except PraxiaError:
            raise
        except TimeoutError:
            raise PraxiaError(f"expected a first inference of {self.name!r} within {timeout_s:g} s, got none") from None
        except Exception as error:  # of the thinker: a policy's own is a fault
            raise PraxiaError(f"the policy's thinker {exception_text(error)}, at its warm-up") from error
        if answer.decision.fault is not None:
            raise PraxiaError(f"the policy {answer.decision.fault}, at its warm-up")
        return time.monotonic() - began_s

    @property
    def num_sessions(self) -> int:
        """How many sessions are open."""
        return self.max_sessions - len(self._free_rows)

    def open(self) -> "ClientSession":
        """A session of a new client. Close it when the client has gone.

        Raises:
            PraxiaError: there are as many sessions as allowed.
        """
        with self._lock:
            if not self._free_rows:
                raise PraxiaError(f"the server is full: all {self.max_sessions} sessions of {self.name!r} are in use")
            row, number = self._free_rows.popleft(), self._num_opened
            self._num_opened += 1
        return ClientSession(self, row, f"connection/{number}")

    def release(self, row: int) -> None:
        """Called by a session that closes."""
        with self._lock:
            self._free_rows.append(row)

    def close(self, timeout_s: float = 10.0) -> None:
        """End the worker; waits up to `timeout_s` for its present batch."""
        self.worker.close(timeout_s)
        if self.thinker is not None:
            self.thinker.close()


@dataclass(frozen=True)
class _Episode:
    """What the server remembers of an episode: its next step, and the newest of what it was sent, oldest first."""

    key: str
    history: tuple[Observation, ...] = ()
    step: int = 0
    has_begun: bool = False


class ClientSession:
    """One client under one policy, with one request at a time.

    It is in one episode at a time: `key` at first, then whichever a request names. Observations without a step are
    counted. A policy whose window reaches back sees the observations that were sent before, one control step apart, or
    those that come with the request as `earlier`. `episode` is what it remembers; who sets it to an earlier value takes
    back what was observed since.
    """

    def __init__(self, policy: ServedPolicy, row: int, key: str):
        self.policy = policy
        self.key = key
        self._row = row
        self._pending: Future[Answer] | None = None
        self._thoughts = None if policy.thinker is None else SessionThoughts(policy.thinker)
        self._is_closed = False
        self.reset(key)

    @property
    def description(self) -> PolicyDescription:
        """What the client is told first."""
        return self.policy.description(self.key)

    def reset(self, key: str) -> None:
        """Begin the episode `key`: no history, step 0, and a new carry."""
        self.episode = _Episode(key)

    def ask(self, request: InferenceRequest) -> Future[Answer]:
        """`observe`, then `submit`: a request that arrives now. Raises as both."""
        self._expect_free()
        deadline_s = None if request.deadline_s is None else time.monotonic() + request.deadline_s
        return self.submit(self.observe(request), deadline_s)

    def submit(
        self, query: Query, deadline_s: float | None = None, loop: asyncio.AbstractEventLoop | None = None
    ) -> Future[Answer]:
        """Ask for a decision on what was observed, as `BatchWorker.submit`. It is checked by `executable_actions`.

        Raises:
            PraxiaError: the session has a request that is not answered yet, or was closed, so its row may be another
                client's; the worker ended; the thinker raised an exception.
        """
        self._expect_free()
        submit = partial(self.policy.worker.submit, deadline_s=deadline_s, loop=loop)
        self._pending = submit(query) if self._thoughts is None else self._thoughts.ask(query, submit)
        return self._pending

    def _expect_free(self) -> None:
        if self._is_closed:
            raise PraxiaError("expected an open session, got one whose client has gone")
        if self._pending is not None and not self._pending.done():
            raise PraxiaError("expected one request at a time: the one before is not answered yet")

    def close(self) -> None:
        """The client has gone: cancel what it waits for, and free its place. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._pending is not None:
            self._pending.cancel()
        if self._thoughts is not None:
            self._thoughts.cancel()
        self.policy.release(self._row)

    def observe(self, request: InferenceRequest) -> Query:
        """Remember the observation, and what would be asked about it. After an error nothing is remembered.

        Raises:
            PraxiaError: an episode of a policy with memory that does not begin at step 0; a step that goes back, where
                the policy looks back at what was sent; another number of committed actions than the delay.
            MismatchError, UnknownName: the observation does not fit the policy, and says where; the delay is longer
                than the policy takes.
        """
        episode, looks_back = self.episode, self.policy.worker.has_memory or self.policy.window.history > 0
        if request.episode is not None and request.episode != episode.key:
            episode = _Episode(request.episode)
        elif request.step == 0 and episode.has_begun:
            episode = _Episode(episode.key)
        step = episode.step if request.step is None else request.step
        if step and not episode.has_begun and self.policy.worker.has_memory:
            raise PraxiaError(
                f"expected the episode {episode.key!r} of a policy with memory to begin at step 0, got {step}"
            )
        if step < episode.step and looks_back and request.earlier is None:
            raise PraxiaError(f"expected step {episode.step} or a later one of episode {episode.key!r}, got {step}")
        if request.committed is not None and len(request.committed) != request.delay:
            raise PraxiaError(f"expected {request.delay} committed actions, the delay, got {len(request.committed)}")
        if (longest := self.policy.longest_delay) is not None and request.delay > longest:
            raise MismatchError(
                f"expected a delay of at most {longest} control steps, for which the policy was trained, got"
                f" {request.delay}"
            )
        observations = [*(request.earlier or ()), request.observation]
        embodiment, cameras = self.policy.embodiment, self.policy.window.cameras
        first = step - len(observations) + 1
        parsed = [
            parse_observation(one, embodiment, cameras, (first + at) / embodiment.control_hz, "last")
            for at, one in enumerate(observations)
        ]
        known = () if request.earlier is not None else episode.history
        history = (*known, *parsed)[-1 - self.policy.window.history :]
        self.episode = _Episode(episode.key, history, step + 1, has_begun=True)
        return Query(
            history,
            episode.key,
            step,
            self._row,
            delay=request.delay,
            committed=request.committed,
            planned=request.planned,
        )


def executable_actions(answer: Answer, embodiment: Embodiment) -> Float32[np.ndarray, "K A"]:
    """The actions of a decision before the first that is not valid or that no robot should execute, in declared units.

    Raises:
        PraxiaError: the policy gave none, or the first is one that no robot should execute.
    """
    if (fault := decision_fault(answer.decision, embodiment, answer.step)) is not None:
        raise PraxiaError(fault)
    actions = answer.decision.chunk[: answer.decision.num_executable]
    count = num_sound(actions, embodiment)
    if count == 0 and (fault := action_fault(actions[:1], embodiment, answer.step)) is not None:
        raise PraxiaError(fault)
    return actions[:count]
