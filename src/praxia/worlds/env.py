"""A world as environments: the one loop runs policies in it as in a simulator.

Axes: B rows, N tokens, D width, K executed steps, A action dims.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from praxia.core.errors import MismatchError
from praxia.core.types import (
    FINAL_OBSERVATION,
    EnvSpec,
    Observation,
    Outcome,
    Query,
    Robot,
    Simulator,
    SlotResult,
    Start,
)
from praxia.nn.world import Imagined, World, WorldState

__all__ = ["Detector", "FirstObservation", "Observer", "SimulatedStarts", "WorldEnv"]

# The observation with which an episode begins, with images of at least the given cameras, and the privileged state if
# the world reads it.
FirstObservation = Callable[[EnvSpec, Start, Sequence[str]], tuple[Observation, Mapping[str, np.ndarray] | None]]


@runtime_checkable
class Observer(Protocol):
    """What a policy observes inside a world."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras of which it has images."""
        ...

    def observe(self, state: WorldState, first: Sequence[Observation], cameras: Sequence[str]) -> Sequence[Observation]:
        """What is observed in each row's state, with images of `cameras`; `first` is what its episode began with.

        What never changes within an episode, such as a goal, may be that of `first`.
        """
        ...


@runtime_checkable
class Detector(Protocol):
    """Tells from a world's latent whether the task is done."""

    def detect(self, latent: Float[Tensor, "B N D"], observed: Sequence[Observation]) -> Bool[Tensor, " B"]:
        """Whether it is, row by row. `observed` is any observation of the row's episode: it has goal and instruction.

        Raises:
            MismatchError: an instruction of which it knows nothing.
        """
        ...


@dataclass(frozen=True)
class _Episode:
    """A slot's episode: row `row` of `state` after `steps` control steps."""

    state: WorldState
    row: int
    first: Observation
    cameras: tuple[str, ...]
    steps: int = 0


@dataclass(frozen=True)
class _Advance:
    actions: Float32[np.ndarray, "K A"]
    stop_on_success: bool
    observe: tuple[int, ...]


class WorldEnv:
    """`num_slots` environments inside one world, all of whose episodes are imagined as one batch. A `VectorEnv`.

    An episode begins with a real observation, that of `starts`, and goes on in the world: `observer` says what is
    observed and `detector` whether the task is done (None: the world says so itself, `Imagined.success`).

    A world imagines every `World.stride` control steps. Success is known there alone: it is False at the steps between,
    whose reward is 0. The reward is the world's, or, where it knows none, 1 at success. Policies decide, and observe,
    at multiples of the stride.

    An episode begins when no other waits for its next steps, so that episodes stay together as batches.

    Raises:
        MismatchError: when an episode begins or goes on, for a policy with privileged state, one that observes or
            decides between what is imagined, or sees what the observer does not show; a recording with snapshots.
    """

    def __init__(
        self, world: World, observer: Observer, detector: Detector | None, starts: FirstObservation, num_slots: int
    ):
        self.num_slots = num_slots
        self._world = world
        self._observer = observer
        self._detector = detector
        self._starts = starts
        self._begins: dict[int, tuple[EnvSpec, Start, tuple[str, ...]]] = {}
        self._advances: dict[int, _Advance] = {}
        self._episodes: dict[int, _Episode] = {}

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
        if privileged or snapshots:
            what = "snapshots" if snapshots else "a policy with privileged state"
            raise MismatchError(f"expected what can be observed inside a world, got {what}, which only a simulator has")
        if unseen := [name for name in cameras if name not in self._observer.cameras]:
            shown = ", ".join(map(repr, self._observer.cameras)) or "the state alone"
            raise MismatchError(f"the policy sees {unseen[0]!r}, but what is decoded inside this world is {shown}")
        self._begins[slot] = (spec, start, tuple(cameras))

    def advance(
        self,
        slot: int,
        actions: Float32[np.ndarray, "K A"],
        stop_on_success: bool,
        observe: Sequence[int] | None = None,
    ) -> None:
        observe, stride = (len(actions),) if observe is None else tuple(observe), self._world.stride
        for step in (len(actions), *observe):
            if step != FINAL_OBSERVATION and step % stride:
                raise MismatchError(
                    f"expected a policy that decides and observes at multiples of {stride} control steps, the stride of"
                    f" the world, got {step}: choose a benchmark with such an execution horizon, or a world with"
                    " another stride"
                )
        self._advances[slot] = _Advance(actions, stop_on_success, observe)

    @torch.no_grad()
    def ready(self) -> list[SlotResult]:
        if not self._advances:
            begins, self._begins = self._begins, {}
            return self._begin(begins) if begins else []
        advances, self._advances = self._advances, {}
        groups: dict[tuple[int, int], dict[int, _Advance]] = {}
        for slot, one in sorted(advances.items()):
            groups.setdefault((id(self._episodes[slot].state), len(one.actions)), {})[slot] = one
        results = [result for group in groups.values() for result in self._advance(group)]
        return sorted(results, key=lambda result: result.slot)

    def close(self) -> None:
        """There is nothing to release but memory."""
        self._episodes.clear()

    def _begin(self, begins: Mapping[int, tuple[EnvSpec, Start, tuple[str, ...]]]) -> list[SlotResult]:
        slots, queries = sorted(begins), list[Query]()
        for slot in slots:
            spec, start, cameras = begins[slot]
            wanted = tuple(dict.fromkeys((*self._world.window.observed, *cameras)))
            first, privileged = self._starts(spec, start, wanted)
            queries.append(Query((first,), start.key, 0, slot, privileged))
        state, results = self._world.start(queries), list[SlotResult]()
        for row, (slot, query) in enumerate(zip(slots, queries, strict=True)):
            first, cameras = query.history[-1], begins[slot][2]
            self._episodes[slot] = _Episode(state, row, first, cameras)
            images = {name: first.images[name] for name in cameras if name in first.images}
            streams = {name: first.streams[name] for name in cameras if name in first.streams}
            results.append(SlotResult(slot, replace(first, images=images, streams=streams)))
        return results

    def _advance(self, group: Mapping[int, _Advance]) -> list[SlotResult]:
        """Episodes that share a state, and go on by as many steps: one batch, a stride at a time."""
        episodes = {slot: self._episodes[slot] for slot in group}
        first = next(iter(episodes.values()))
        state = first.state.rows(torch.tensor([one.row for one in episodes.values()]))
        actions = torch.from_numpy(np.stack([one.actions for one in group.values()]))
        outcomes: dict[int, list[Outcome]] = {slot: [] for slot in group}
        observed: dict[int, dict[int, Observation]] = {slot: {} for slot in group}
        over: set[int] = set()
        for step in range(self._world.stride, actions.shape[1] + 1, self._world.stride):
            imagined = self._world.imagine(state, actions[:, step - self._world.stride : step])
            state = imagined.state
            ended = self._add_outcomes(imagined, group, outcomes, over)
            wanted = {
                row: slot
                for row, (slot, one) in enumerate(group.items())
                if slot not in over and (FINAL_OBSERVATION if slot in ended else step) in one.observe
            }
            for slot, observation in self._observe(state, wanted, step).items():
                observed[slot][step] = observation
            over |= ended
        results = []
        for row, (slot, one) in enumerate(group.items()):
            self._episodes[slot] = replace(
                episodes[slot], state=state, row=row, steps=episodes[slot].steps + len(one.actions)
            )
            last = len(outcomes[slot])
            present = observed[slot].pop(last, None)
            earlier = tuple(observed[slot].values())
            results.append(SlotResult(slot, present, outcomes=tuple(outcomes[slot]), earlier=earlier))
        return results

    def _add_outcomes(
        self,
        imagined: Imagined,
        group: Mapping[int, _Advance],
        outcomes: dict[int, list[Outcome]],
        over: set[int],
    ) -> set[int]:
        """Add the outcomes of one stride to those of the episodes that are not `over`, and return which end with it."""
        success = self._success(imagined, [self._episodes[slot].first for slot in group])
        rewards = success.float() if imagined.reward is None else imagined.reward[:, 0]
        ends = torch.zeros_like(success) if imagined.terminated is None else imagined.terminated[:, 0]
        between, ended = Outcome(0.0, False, False, False), set[int]()
        for slot, reward, end, done in zip(group, rewards.tolist(), ends.tolist(), success.tolist(), strict=True):
            if slot not in over:
                outcomes[slot] += [between] * (self._world.stride - 1) + [Outcome(reward, end, False, done)]
                if end or (done and group[slot].stop_on_success):
                    ended.add(slot)
        return ended

    def _success(self, imagined: Imagined, first: Sequence[Observation]) -> Bool[Tensor, " B"]:
        if self._detector is not None:
            return self._detector.detect(imagined.latents[:, 0], first).cpu()
        if imagined.success is None:
            raise MismatchError("expected a detector of success for this world, which does not know it, got none")
        return imagined.success[:, 0].cpu()

    def _observe(self, state: WorldState, wanted: Mapping[int, int], step: int) -> dict[int, Observation]:
        """The observations of the rows in `wanted`, which says whose they are, `step` steps on."""
        by_cameras: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for row, slot in wanted.items():
            by_cameras.setdefault(self._episodes[slot].cameras, []).append((row, slot))
        found: dict[int, Observation] = {}
        for cameras, pairs in by_cameras.items():
            rows = torch.tensor([row for row, _ in pairs])
            first = [self._episodes[slot].first for _, slot in pairs]
            for (_, slot), one in zip(pairs, self._observer.observe(state.rows(rows), first, cameras), strict=True):
                now = (self._episodes[slot].steps + step) / self._world.embodiment.control_hz
                found[slot] = replace(one, time_s=now)
        return found


class SimulatedStarts:
    """First observations from a simulator that is reset to the start and makes no step: a `FirstObservation`.

    `build` makes it from its spec, as that of a family of environments does.
    """

    def __init__(self, build: Callable[[EnvSpec], Robot]):
        self._build = build
        self._envs: list[tuple[EnvSpec, Robot]] = []

    def __call__(
        self, spec: EnvSpec, start: Start, cameras: Sequence[str]
    ) -> tuple[Observation, Mapping[str, np.ndarray] | None]:
        env = next((one for known, one in self._envs if known == spec), None)
        if env is None:
            env = self._build(spec)
            self._envs.append((spec, env))
        env.reset(start)
        return env.observe(cameras), dict(env.privileged()) if isinstance(env, Simulator) else None

    def close(self) -> None:
        while self._envs:
            self._envs.pop()[1].close()
