"""Wrappers that corrupt one input of the policy: the remaining success shows what the policy uses.

One adds something: `revealing` environments let a planner go on in a simulator of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import signature

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.simulator import expect_simulator, reveal
from praxia.core.types import EnvSpec, Observation, Outcome, Robot, Simulator, Start
from praxia.envs.family import EnvFamily

__all__ = ["Revealing", "SwappedImage", "build_wrapped", "revealing"]

Alteration = Callable[[Observation], Observation]

WRAPPERS = ("swapped-image", "frozen-state", "other-instruction", "instruct:<text>")


def build_wrapped(
    make: Callable[..., Simulator],
    spec: EnvSpec,
    twin_start: Callable[[Start], Start],
    other_instruction: Callable[[Start], str] | None = None,
) -> Simulator:
    """`make(spec, **spec.options)` in the spec's wrappers, applied in order: see `WRAPPERS`.

    `twin_start` gives another start of the same task, as a pure function of the episode's own, and `other_instruction`
    another instruction for the same start, if the family has one.

    Raises:
        UnknownName: no wrapper has that name.
        MismatchError: `make` has no such option.
    """
    known = [name for name, one in signature(make).parameters.items() if one.kind is one.KEYWORD_ONLY]
    if unknown := [name for name in spec.options if name not in known]:
        raise MismatchError(f"expected options of {spec.env!r} among {known or 'none'}, got {unknown[0]!r}")
    make = partial(make, **spec.options)
    env = make(spec)
    for wrapper in spec.wrappers:
        name, _, argument = wrapper.partition(":")
        if name == "instruct":
            env = ObservationWrapper(env, _instructed(lambda start, text=argument: text))
        elif name == "other-instruction" and other_instruction is not None:
            env = ObservationWrapper(env, _instructed(other_instruction))
        elif name == "swapped-image":
            env = SwappedImage(env, make(spec), twin_start)
        elif name == "frozen-state":
            env = ObservationWrapper(env, _frozen_state)
        else:
            raise UnknownName("environment wrapper", wrapper, WRAPPERS, "praxia eval --help")
    return env


class ObservationWrapper:
    """The same environment with altered observations. Success is not changed.

    `alter(env, start)` is called when an episode has begun, and the function that it returns is applied to every
    observation.
    """

    def __init__(self, env: Simulator, alter: Callable[[Simulator, Start], Alteration]):
        self.env = env
        self.embodiment = env.embodiment
        self.privileged_layout = env.privileged_layout
        self._begin = alter
        self._alter: Alteration = lambda observation: observation

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self._alter = self._begin(self.env, start)

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        return self.env.command(action)

    def observe(self, cameras: Sequence[str]) -> Observation:
        return self._alter(self.env.observe(cameras))

    def privileged(self) -> Mapping[str, np.ndarray]:
        return self.env.privileged()

    def snapshot(self) -> bytes:
        return self.env.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self.env.restore(snapshot)

    def close(self) -> None:
        self.env.close()


def _instructed(instruction: Callable[[Start], str]) -> Callable[[Simulator, Start], Alteration]:
    """Replace the instruction by `instruction(start)`."""
    return lambda env, start: partial(replace, instruction=instruction(start))


def _frozen_state(env: Simulator, start: Start) -> Alteration:
    """The state stays what it was at the start; images are unchanged."""
    return partial(replace, state=env.observe(()).state)


class SwappedImage:
    """Images come from a twin at another start of the same task; state, instruction and outcome are unchanged.

    The twin executes the same actions, so that the arm in the image moves as commanded and only the scene differs: a
    policy that does not use images loses nothing.
    """

    def __init__(self, env: Simulator, twin: Simulator, twin_start: Callable[[Start], Start]):
        self.env = env
        self.twin = twin
        self.embodiment = env.embodiment
        self.privileged_layout = env.privileged_layout
        self._twin_start = twin_start

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self.twin.reset(self._twin_start(start))

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        self.twin.command(action)
        return self.env.command(action)

    def observe(self, cameras: Sequence[str]) -> Observation:
        streams = [stream.name for stream in self.embodiment.streams if stream.name in cameras]
        images = self.twin.observe([name for name in cameras if name not in streams]).images
        return replace(self.env.observe(streams), images=images)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return self.env.privileged()

    def snapshot(self) -> bytes:
        """Both snapshots: the length of the environment's own in four bytes, then it, then the twin's."""
        own = self.env.snapshot()
        return len(own).to_bytes(4, "little") + own + self.twin.snapshot()

    def restore(self, snapshot: bytes) -> None:
        end = 4 + int.from_bytes(snapshot[:4], "little")
        self.env.restore(snapshot[4:end])
        self.twin.restore(snapshot[end:])

    def close(self) -> None:
        self.twin.close()
        self.env.close()


class Revealing:
    """The same environment, whose privileged state also has its start and snapshot: see `core.simulator.reveal`."""

    def __init__(self, env: Simulator):
        self.env = env
        self.embodiment = env.embodiment
        self.privileged_layout = env.privileged_layout
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        return self.env.command(action)

    def observe(self, cameras: Sequence[str]) -> Observation:
        return self.env.observe(cameras)

    def privileged(self) -> Mapping[str, np.ndarray]:
        assert self._start is not None, "reset comes first"
        return {**self.env.privileged(), **reveal(self._start, self.env.snapshot())}

    def snapshot(self) -> bytes:
        return self.env.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self.env.restore(snapshot)

    def close(self) -> None:
        self.env.close()


def revealing(family: EnvFamily) -> EnvFamily:
    """The family with `Revealing` environments."""
    return replace(family, build=partial(_build_revealing, family.build))


def _build_revealing(build: Callable[[EnvSpec], Robot], spec: EnvSpec) -> Simulator:
    return Revealing(expect_simulator(build(spec), "a planner with the simulator as its world"))
