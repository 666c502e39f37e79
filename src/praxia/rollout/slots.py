"""Environments in this process behind the `VectorEnv` interface: tests, collection, and inside every pool worker."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import PraxiaError
from praxia.core.types import Env, EnvSpec, Observation, Outcome, SlotResult, Start

__all__ = ["BuildEnv", "LocalSlots", "describe"]

BuildEnv = Callable[[EnvSpec], Env]


def describe(error: BaseException) -> str:
    """A crash in one line: the type and the last line of the message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__


class EnvShelf:
    """Idle environments by spec, so that the next episode of a task needs no new simulator.

    At most `capacity` stay idle; the one idle longest is closed first.
    """

    def __init__(self, build: BuildEnv, capacity: int):
        self._build = build
        self._capacity = capacity
        self._idle: list[tuple[EnvSpec, Env]] = []

    def take(self, spec: EnvSpec) -> Env:
        for at in reversed(range(len(self._idle))):
            if self._idle[at][0] == spec:
                return self._idle.pop(at)[1]
        return self._build(spec)

    def give(self, spec: EnvSpec, env: Env) -> None:
        self._idle.append((spec, env))
        while len(self._idle) > self._capacity:
            self._idle.pop(0)[1].close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


@dataclass
class _Slot:
    """The environment that a slot holds and how its present episode is to be watched."""

    env: Env | None = None
    spec: EnvSpec | None = None
    cameras: tuple[str, ...] = ()
    privileged: bool = False
    snapshots: bool = False


class LocalSlots:
    """A `VectorEnv` of `num_slots` environments that take turns in the calling process.

    `build` makes an environment from its spec; up to `num_idle` unused ones are kept. An exception in an
    environment becomes `SlotResult.error`, the environment is thrown away, and the slot's next `begin` has a new
    one. A `PraxiaError` is bad input, not a crash: `ready` raises it.

    No observation is drawn where the episode is over (terminated, truncated, or successful and asked to stop
    there), or where the caller says that it will not look.
    """

    def __init__(self, num_slots: int, build: BuildEnv, num_idle: int = 2):
        self.num_slots = num_slots
        self._shelf = EnvShelf(build, num_idle)
        self._slots = [_Slot() for _ in range(num_slots)]
        self._asked: dict[int, Callable[[], SlotResult]] = {}

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
        held = self._slots[slot]
        held.cameras, held.privileged, held.snapshots = tuple(cameras), privileged, snapshots
        self._asked[slot] = partial(self._begin, slot, spec, start)

    def advance(
        self, slot: int, actions: Float32[np.ndarray, "K A"], stop_on_success: bool, observe: bool = True
    ) -> None:
        self._asked[slot] = partial(self._advance, slot, actions, stop_on_success, observe)

    def ready(self) -> list[SlotResult]:
        asked, self._asked = self._asked, {}
        return [self._guarded(slot, asked[slot]) for slot in sorted(asked)]

    def close(self) -> None:
        for held in self._slots:
            if held.env is not None:
                held.env.close()
                held.env = None
        self._shelf.close()

    def _guarded(self, slot: int, call: Callable[[], SlotResult]) -> SlotResult:
        try:
            return call()
        except PraxiaError:
            raise
        except Exception as error:
            # An environment that raised may be half stepped: it must not carry the next episode.
            broken, self._slots[slot].env = self._slots[slot].env, None
            if broken is not None:
                with contextlib.suppress(Exception):
                    broken.close()
            return SlotResult(slot, None, error=describe(error))

    def _begin(self, slot: int, spec: EnvSpec, start: Start) -> SlotResult:
        held = self._slots[slot]
        if held.env is not None and held.spec is not None and held.spec != spec:
            self._shelf.give(held.spec, held.env)
            held.env = None
        if held.env is None:
            held.env, held.spec = self._shelf.take(spec), spec
        held.env.reset(start)
        return SlotResult(slot, *self._watch(held))

    def _advance(
        self, slot: int, actions: Float32[np.ndarray, "K A"], stop_on_success: bool, observe: bool
    ) -> SlotResult:
        held = self._slots[slot]
        assert held.env is not None, f"slot {slot} was advanced before it was begun"
        outcomes: list[Outcome] = []
        snapshots: list[bytes] = []
        for action in actions:
            if held.snapshots:
                snapshots.append(held.env.snapshot())
            outcomes.append(held.env.step(action))
            last = outcomes[-1]
            if last.terminated or last.truncated or (stop_on_success and last.success):
                observe = False
                break
        watched = self._watch(held) if observe else (None, None)
        return SlotResult(slot, *watched, tuple(outcomes), tuple(snapshots))

    def _watch(self, held: _Slot) -> tuple[Observation, dict[str, np.ndarray] | None]:
        assert held.env is not None
        observation = held.env.observe(held.cameras)
        return observation, dict(held.env.privileged()) if held.privileged else None
