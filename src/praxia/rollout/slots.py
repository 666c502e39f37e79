"""Environments in this process behind the `VectorEnv` interface: for tests, collection and every pool worker."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import PraxiaError, crash_text
from praxia.core.simulator import expect_simulator
from praxia.core.types import FINAL_OBSERVATION, EnvSpec, Observation, Outcome, Robot, Simulator, SlotResult, Start

__all__ = ["BuildEnv", "LocalSlots"]

BuildEnv = Callable[[EnvSpec], Robot]


class EnvCache:
    """Idle environments by spec, so that the next episode of a task needs no new simulator.

    At most `capacity` are kept; the one idle longest is closed first.
    """

    def __init__(self, build: BuildEnv, capacity: int):
        self._build = build
        self._capacity = capacity
        self._idle: list[tuple[EnvSpec, Robot]] = []

    def take(self, spec: EnvSpec) -> Robot:
        for index in reversed(range(len(self._idle))):
            if self._idle[index][0] == spec:
                return self._idle.pop(index)[1]
        return self._build(spec)

    def put_back(self, spec: EnvSpec, env: Robot) -> None:
        self._idle.append((spec, env))
        while len(self._idle) > self._capacity:
            self._idle.pop(0)[1].close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


@dataclass
class _SlotState:
    """A slot's environment and what is returned of its present episode.

    `simulator` is the environment where the episode needs what only a simulator can do.
    """

    env: Robot | None = None
    simulator: Simulator | None = None
    spec: EnvSpec | None = None
    cameras: tuple[str, ...] = ()
    privileged: bool = False
    snapshots: bool = False


class LocalSlots:
    """A `VectorEnv` of `num_slots` environments that take turns in the calling process.

    `build` makes an environment from its spec; up to `num_idle` unused ones are kept. An exception in an environment
    becomes `SlotResult.error`, the environment is discarded, and the slot's next `begin` builds a new one. A
    `PraxiaError` is bad input, not a crash: `ready` raises it.

    When the episode is over (terminated, truncated, or successful with `stop_on_success`), an observation is made only
    for who asks for `FINAL_OBSERVATION`.
    """

    def __init__(self, num_slots: int, build: BuildEnv, num_idle: int = 2):
        self.num_slots = num_slots
        self._env_cache = EnvCache(build, num_idle)
        self._slots = [_SlotState() for _ in range(num_slots)]
        self._requests: dict[int, Callable[[], SlotResult]] = {}

    def begin(
        self,
        slot: int,
        spec: EnvSpec,
        start: Start,
        cameras: Sequence[str],
        *,
        privileged: bool = False,
        snapshots: bool = False,
    ) -> None:
        state = self._slots[slot]
        state.cameras, state.privileged, state.snapshots = tuple(cameras), privileged, snapshots
        self._requests[slot] = partial(self._begin, slot, spec, start)

    def advance(
        self,
        slot: int,
        actions: Float32[np.ndarray, "K A"],
        stop_on_success: bool,
        observe: Sequence[int] | None = None,
    ) -> None:
        observe = (len(actions),) if observe is None else observe
        self._requests[slot] = partial(self._advance, slot, actions, stop_on_success, observe)

    def ready(self) -> list[SlotResult]:
        requests, self._requests = self._requests, {}
        return [self._guarded(slot, requests[slot]) for slot in sorted(requests)]

    def close(self) -> None:
        for state in self._slots:
            if state.env is not None:
                state.env.close()
                state.env = None
        self._env_cache.close()

    def _guarded(self, slot: int, call: Callable[[], SlotResult]) -> SlotResult:
        try:
            return call()
        except PraxiaError:
            raise
        except Exception as error:
            # An environment that raised may be half stepped: it must not run the next episode.
            broken, self._slots[slot].env = self._slots[slot].env, None
            if broken is not None:
                with contextlib.suppress(Exception):
                    broken.close()
            return SlotResult(slot, None, error=crash_text(error))

    def _begin(self, slot: int, spec: EnvSpec, start: Start) -> SlotResult:
        state = self._slots[slot]
        if state.env is not None and state.spec is not None and state.spec != spec:
            self._env_cache.put_back(state.spec, state.env)
            state.env = None
        if state.env is None:
            state.env, state.spec = self._env_cache.take(spec), spec
        state.simulator = None
        if state.snapshots or state.privileged:
            purpose = "a recording with snapshots" if state.snapshots else "a policy with privileged state"
            state.simulator = expect_simulator(state.env, purpose)
        state.env.reset(start)
        return SlotResult(slot, *self._observe(state))

    def _advance(
        self, slot: int, actions: Float32[np.ndarray, "K A"], stop_on_success: bool, observe: Sequence[int]
    ) -> SlotResult:
        state = self._slots[slot]
        assert state.env is not None, f"slot {slot} was advanced before it was begun"
        outcomes: list[Outcome] = []
        snapshots: list[bytes] = []
        earlier: list[Observation] = []
        present = None, None
        for step, action in enumerate(actions, 1):
            if state.simulator is not None and state.snapshots:
                snapshots.append(state.simulator.snapshot())
            outcomes.append(state.env.command(action))
            last = outcomes[-1]
            if last.terminated or last.truncated or (stop_on_success and last.success):
                present = self._observe(state) if FINAL_OBSERVATION in observe else present
                break
            if step in observe and step < len(actions):
                earlier.append(state.env.observe(state.cameras))
            elif step in observe:
                present = self._observe(state)
        return SlotResult(slot, *present, tuple(outcomes), tuple(snapshots), earlier=tuple(earlier))

    def _observe(self, state: _SlotState) -> tuple[Observation, dict[str, np.ndarray] | None]:
        assert state.env is not None
        observation = state.env.observe(state.cameras)
        known = state.simulator if state.privileged else None
        return observation, None if known is None else dict(known.privileged())
